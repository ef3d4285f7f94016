"""`Splits` to batches: sampling, decoding, augmentation and grouping of clips."""

from stca.clips.decoding import decode_clip, read_frame
from stca.clips.loaders import ClipBatch, count_clips, dense_batches, train_batches
from stca.clips.pk_sampler import PKSampler
from stca.clips.sampling import SamplingMode, sample_clips
from stca.clips.transforms import Transform, normalise

__all__ = [
    "ClipBatch",
    "PKSampler",
    "SamplingMode",
    "Transform",
    "count_clips",
    "decode_clip",
    "dense_batches",
    "normalise",
    "read_frame",
    "sample_clips",
    "train_batches",
]

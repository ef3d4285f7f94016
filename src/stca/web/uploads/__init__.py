"""Files of strangers: received within bounds, decoded in a process that may do little, shown encoded anew.

In the order of the data: `receiving` (files arrive), `queue` (who may decode, and when), `running` (starts a
child process), `child` and `contents` (decode in it, after `sandbox` took its rights away), `decode` (checks
what the child says), `store` (keeps it for an hour).
"""

from stca.web.access.rate_limit import RateLimit
from stca.web.uploads.decode import CheckedVideo, DecodedUpload, Picture, check_video, decode_upload
from stca.web.uploads.limits import QUERY, TRACKED, UploadError, UploadLimits
from stca.web.uploads.queue import DecodeQueue
from stca.web.uploads.receiving import Received, ReceivedForm, receive, receive_form
from stca.web.uploads.store import Uploads

__all__ = [
    "QUERY",
    "TRACKED",
    "CheckedVideo",
    "DecodeQueue",
    "DecodedUpload",
    "Picture",
    "RateLimit",
    "Received",
    "ReceivedForm",
    "UploadError",
    "UploadLimits",
    "Uploads",
    "check_video",
    "decode_upload",
    "receive",
    "receive_form",
]

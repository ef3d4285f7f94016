"""The exceptions that stca raises, as one tree.

StcaError
├── DatasetError      a data set's root, layout, protocol file or tracklet is not what its loader expects
├── FrameError        one image or video frame cannot be read
├── CheckpointError   weights or a run that cannot be loaded into this model
├── DownloadError     a network that cannot be fetched, or is not what its publisher describes
├── ConfigError       an option that does not exist, has the wrong type, or does not fit another option
├── RankingError      features, ids or a protocol that do not fit each other
├── TrainingError     a run that cannot continue
└── GalleryError      a gallery that cannot be opened, read or written, or a model other than the gallery's
    └── GalleryFileError      its file, or one of its server, is damaged or cannot be read or written
        └── GalleryBusyError  not at present: the file is locked, or the disk is full
"""

from __future__ import annotations


class StcaError(Exception):
    """Base class: a failure that the user can act on.

    The message says what happened, what was expected, what was found, where, and what to try next;
    parts that are None are left out.
    """

    def __init__(
        self,
        what: str,
        *,
        expected: object = None,
        found: object = None,
        where: object = None,
        hint: str | None = None,
    ) -> None:
        self.what, self.expected, self.found, self.where, self.hint = what, expected, found, where, hint
        parts = {"expected": expected, "found": found, "where": where, "try": hint}
        lines = [what, *(f"  {name + ':':<10}{value}" for name, value in parts.items() if value is not None)]
        super().__init__("\n".join(lines))

    def __reduce__(self) -> tuple[object, ...]:
        # Data loader workers send errors to the main process by pickle, which would drop the keywords.
        return _rebuild, (type(self), self.what, self.expected, self.found, self.where, self.hint)


def _rebuild(
    kind: type[StcaError], what: str, expected: object, found: object, where: object, hint: str | None
) -> StcaError:
    return kind(what, expected=expected, found=found, where=where, hint=hint)


def first_line(error: BaseException) -> str:
    """The first line of another library's error message; its type if there is no message."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


class DatasetError(StcaError):
    """A data set's root, layout, protocol file or tracklet is not what its loader expects."""


class FrameError(StcaError):
    """One image or video frame cannot be read."""


class CheckpointError(StcaError):
    """Weights or a run that cannot be loaded into this model."""


class DownloadError(StcaError):
    """A network that cannot be fetched, or is not what its publisher describes."""


class ConfigError(StcaError):
    """An option that does not exist, has the wrong type, or does not fit another option."""


class RankingError(StcaError):
    """Features, ids or a protocol that do not fit each other."""


class TrainingError(StcaError):
    """A run that cannot continue."""


class GalleryError(StcaError):
    """A gallery that cannot be opened, read or written, or a model other than the gallery's."""


class GalleryFileError(GalleryError):
    """A gallery's file, or one of its server, that is damaged or cannot be read or written."""


class GalleryBusyError(GalleryFileError):
    """A file that cannot be used at present: it is locked, or the disk is full."""

"""What goes in and out of the interface below `/api/v1`."""

from stca.web.schemas.common import Health, Model, Problem
from stca.web.schemas.corrections import AuditPage, Correction, CorrectionIn, CorrectionPage
from stca.web.schemas.forgetting import ForgetIn, Forgotten
from stca.web.schemas.gallery import (
    Camera,
    GalleryInfo,
    Person,
    PersonDetail,
    PersonPage,
    Tracklet,
    TrackletPage,
)
from stca.web.schemas.live import Live, LiveCamera, LivePerson
from stca.web.schemas.searches import (
    FrameQuery,
    Hit,
    NewAnswers,
    QueryOut,
    SavedSearch,
    SavedSearchIn,
    SavedSearchPage,
    SearchRequest,
    SearchResult,
    Seen,
    Verdict,
)
from stca.web.schemas.work import Job, JobIn, JobPage, Picture, Upload, Video

__all__ = [
    "AuditPage",
    "Camera",
    "Correction",
    "CorrectionIn",
    "CorrectionPage",
    "ForgetIn",
    "Forgotten",
    "FrameQuery",
    "GalleryInfo",
    "Health",
    "Hit",
    "Job",
    "JobIn",
    "JobPage",
    "Live",
    "LiveCamera",
    "LivePerson",
    "Model",
    "NewAnswers",
    "Person",
    "PersonDetail",
    "PersonPage",
    "Picture",
    "Problem",
    "QueryOut",
    "SavedSearch",
    "SavedSearchIn",
    "SavedSearchPage",
    "SearchRequest",
    "SearchResult",
    "Seen",
    "Tracklet",
    "TrackletPage",
    "Upload",
    "Verdict",
    "Video",
]

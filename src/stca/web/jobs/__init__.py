"""Work that takes longer than a request: videos are tracked, embedded and added to the gallery.

`Jobs` keeps a queue in `serve.sqlite` (`store`), so that it survives the server. A thread (`working`) does
one job after the other, each in a process of its own (`runner` here, `worker` there). `places` says which
videos may be added.
"""

from stca.web.jobs.errors import JobError
from stca.web.jobs.job import Job, JobOptions, JobVideo, NewVideo
from stca.web.jobs.jobs import Jobs
from stca.web.jobs.places import AllowedVideo, allowed_video, list_videos

__all__ = [
    "AllowedVideo",
    "Job",
    "JobError",
    "JobOptions",
    "JobVideo",
    "Jobs",
    "NewVideo",
    "allowed_video",
    "list_videos",
]

"""Folders of runs and reports: one configuration each, never overwritten."""

from shared.run_folders.report_folder import ReportFolder
from shared.run_folders.run_folder import RunFolder, newest_run

__all__ = [
    "ReportFolder",
    "RunFolder",
    "newest_run",
]

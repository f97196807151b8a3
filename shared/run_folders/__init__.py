"""Folders of training runs and reports: one configuration each, never overwritten."""

from shared.run_folders.report_folder import ReportFolder
from shared.run_folders.run_folder import RunFolder, check_free_space, find_newest_run
from shared.run_folders.run_groups import RunGroup, group_by_seed

__all__ = [
    "ReportFolder",
    "RunFolder",
    "RunGroup",
    "check_free_space",
    "find_newest_run",
    "group_by_seed",
]

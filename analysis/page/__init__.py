"""The interactive page of a report: its contents, and one self-contained HTML file."""

from analysis.page.data import PageData
from analysis.page.page import MAX_POINTS, write_page

__all__ = ["MAX_POINTS", "PageData", "write_page"]

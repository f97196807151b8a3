"""The interactive page: one HTML file with its scripts."""

from analysis.page.data import PageData
from analysis.page.page import MAX_POINTS, write_page

__all__ = ["MAX_POINTS", "PageData", "write_page"]

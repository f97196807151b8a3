"""The interactive page: one HTML file with its scripts."""

from analysis.page.data import PageData
from analysis.page.page import MOST_POINTS, write_page

__all__ = ["MOST_POINTS", "PageData", "write_page"]

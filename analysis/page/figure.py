"""The empty map of the page, which its script fills."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bokeh.plotting import figure


def make_figure(points: int) -> "figure":
    """Makes a square map as wide as its place, with models that the script finds by their names.

    `points` and `filter` are the patches, `glyphs` draws them, `density` and `paths` are behind them.

    It uses the canvas back end, which draws 5,000 points in 40 ms on a busy CPU. With WebGL, Bokeh 3.9 gives the points
    that remain after a selection or a filter the markers of other points.

    Args:
        points: Number of points, on which their size depends.
    """
    from bokeh.models import BoxSelectTool, CDSView, ColumnDataSource, HoverTool, IndexFilter, LassoSelectTool, Range1d
    from bokeh.plotting import figure

    source = ColumnDataSource({"x": [], "y": [], "color": [], "marker": []}, name="points")
    density = ColumnDataSource({name: [] for name in ("left", "right", "bottom", "top", "alpha")}, name="density")
    paths = ColumnDataSource({name: [] for name in ("x0", "y0", "x1", "y1", "color")}, name="paths")
    lasso = LassoSelectTool()
    size = 8 if points <= 1500 else 6
    plot = figure(
        name="plot",
        lod_threshold=None,
        sizing_mode="stretch_width",
        aspect_ratio=1,
        x_range=Range1d(start=0, end=1),
        y_range=Range1d(start=0, end=1),
        toolbar_location="above",
        active_drag=lasso,
        active_scroll="wheel_zoom",
        tools=[lasso, BoxSelectTool(), "tap", "pan", "wheel_zoom", "reset", "save"],
    )
    plot.quad(
        left="left",
        right="right",
        bottom="bottom",
        top="top",
        source=density,
        fill_color="#888888",
        fill_alpha="alpha",
        line_alpha=0,
    )
    plot.segment("x0", "y0", "x1", "y1", source=paths, line_color="color", line_width=1.6, line_alpha=0.75)
    glyphs = plot.scatter(
        "x",
        "y",
        name="glyphs",
        source=source,
        view=CDSView(filter=IndexFilter(name="filter")),
        marker="marker",
        size=size,
        fill_color="color",
        fill_alpha=0.85,
        line_color="#333333",
        line_alpha=0.35,
        line_width=0.5,
        nonselection_fill_alpha=0.12,
        nonselection_line_alpha=0.05,
    )
    plot.add_tools(HoverTool(tooltips=None, visible=False, renderers=[glyphs]))
    plot.toolbar.logo = None
    plot.axis.minor_tick_line_color = None
    return plot

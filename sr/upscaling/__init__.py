"""Super-resolution of images and image files of any size, tile by tile."""

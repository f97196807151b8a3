"""What degradations do to the pixels of a batch of images, each kind in a module."""

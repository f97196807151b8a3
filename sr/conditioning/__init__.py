"""Where the representation that steers a network comes from, and how it is brought to the network's size."""

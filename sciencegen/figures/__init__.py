"""What figures of matplotlib share: their style, how they are saved, and pictures of items in them."""

"""Published weights in, model folders out."""

"""Whether a classifier is as sure as it is right, and what it should not answer."""

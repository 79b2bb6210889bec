"""Files for TensorFlow Serving; their folder is what `deploy.__path__` says."""

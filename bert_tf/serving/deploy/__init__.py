"""Configuration files for TensorFlow Serving; `deploy.__path__` holds their folder."""

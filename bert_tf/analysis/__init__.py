"""Why a model said so, whom it treats differently, what breaks it, and what it is sure of."""

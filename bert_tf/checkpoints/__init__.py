"""Reading published weights; reading and writing model folders."""

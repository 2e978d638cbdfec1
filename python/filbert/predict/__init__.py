"""What draws say of rows: means, responses, log likelihoods, R²."""

"""Being a good citizen: what the vantage says of itself, notices to operators, the way to stop us."""

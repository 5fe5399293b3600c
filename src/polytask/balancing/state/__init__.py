"""What balancers remember from step to step."""

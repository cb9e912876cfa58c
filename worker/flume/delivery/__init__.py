"""How a job gets to the code that runs it."""

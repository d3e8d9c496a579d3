"""What a plan did to a trajectory, in figures: nothing here is used to plan."""

"""What a part says: a head of the model, a feature of the inputs."""

"""Detail for a user's own pictures: the cascade's stages over a picture of any size."""

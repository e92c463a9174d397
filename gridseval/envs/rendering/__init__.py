"""Images: the OpenGL context, exact culling, drawing."""

"""Pictures outside a run: videos of a finished one, galleries of perturbations, first views.

Import what you need from the modules: each loads the simulator.
"""

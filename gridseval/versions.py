def check_mujoco_version(v, force=False): return None

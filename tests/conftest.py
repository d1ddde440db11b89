"""What all tests rest on, whatever started them and however busy the machine is."""

import signal

from hypothesis import HealthCheck, settings

settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as for jobs in the background, and then for their children
    signal.signal(signal.SIGINT, signal.default_int_handler)

"""For processes under Debian's libfaketime: its clock_nanosleep refuses what Python's `time.sleep` asks of it."""

import select
import time

time.sleep = lambda seconds: (select.select([], [], [], seconds), None)[1]

"""The load generator: wrk, one thread, with a script that makes every request a fresh one."""

"""The only room that builds things and joins them: store, network, workers, poller, web server, jobs, signals."""

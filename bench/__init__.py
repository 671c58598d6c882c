"""What polling costs, beside a peer, in one run on one machine."""

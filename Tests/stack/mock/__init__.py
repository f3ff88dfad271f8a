"""A DigitalOcean account in memory: what deploy/stack and Terraform's provider ask for, with a bill at the end.

It is as strict as the API where that matters to somebody who builds and clears away: names that are taken, limits, networks
that cannot go while something is in them, and load balancers and volumes that outlive a cluster. Prices are examples.
"""

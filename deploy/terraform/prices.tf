# US dollars a month, without taxes, traffic beyond what nodes include, and snapshots. Only DigitalOcean's pages hold:
# digitalocean.com/pricing and docs.digitalocean.com/products/*/details/pricing. Those of the control plane and the
# registry were on these pages; of nodes, load balancers and volumes they are as far as known. `deploy/stack check`
# compares the nodes' with the API's, which has no others.
locals {
  prices = {
    as_of = "2026-12-01"

    node = {
      "s-2vcpu-2gb"  = 18
      "s-2vcpu-4gb"  = 24
      "s-4vcpu-8gb"  = 48
      "s-8vcpu-16gb" = 96
    }

    ha_control_plane = 40
    load_balancer    = 12
    volume_gib       = 0.1

    registry = {
      starter      = 0
      basic        = 5
      professional = 20
    }
  }

  # Kafka's three brokers are on three nodes, so the pool never stays below that: Tests/stack adds the requests up.
  nodes_at_rest = max(var.nodes.min, 3)

  # Each Gateway gets a load balancer: the application's and Fairlead's.
  gateways = 2

  cost_parts = {
    nodes          = local.nodes_at_rest * local.prices.node[var.nodes.size]
    build_node     = var.build_node == null ? 0 : local.prices.node[var.build_node]
    control_plane  = var.ha_control_plane ? local.prices.ha_control_plane : 0
    load_balancers = local.gateways * local.prices.load_balancer
    block_storage  = sum(values(var.volumes_gib)) * local.prices.volume_gib
    registry       = local.prices.registry[local.registry_plan]
  }
}

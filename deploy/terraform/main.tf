locals {
  # Plans by how many repositories they hold. The starter plan has one, which three images do not fit into.
  registry_plan = length(var.repositories) <= 1 ? "starter" : length(var.repositories) <= 5 ? "basic" : "professional"
}

resource "digitalocean_vpc" "this" {
  name        = var.name
  region      = var.region
  ip_range    = "10.110.0.0/20"
  description = trimspace("Of a stack deployed by Fairlead. ${var.mark}")

  timeouts {
    # Its load balancers and nodes take their time to leave.
    delete = "15m"
  }
}

data "digitalocean_kubernetes_versions" "this" {
  version_prefix = "${var.kubernetes_minor}."

  lifecycle {
    postcondition {
      condition     = self.latest_version != null && self.latest_version != ""
      error_message = "DOKS offers no version ${var.kubernetes_minor}: choose another kubernetes_minor."
    }
  }
}

resource "digitalocean_kubernetes_cluster" "this" {
  name     = var.name
  region   = var.region
  vpc_uuid = digitalocean_vpc.this.id
  version  = data.digitalocean_kubernetes_versions.this.latest_version

  # VPC-native networking: the managed Gateway API needs it. The two overlap neither the VPC nor each other.
  cluster_subnet = "10.108.0.0/16"
  service_subnet = "10.109.0.0/19"

  ha            = var.ha_control_plane
  auto_upgrade  = true
  surge_upgrade = true

  maintenance_policy {
    day        = "sunday"
    start_time = "03:00"
  }

  control_plane_firewall {
    enabled           = true
    allowed_addresses = var.control_plane_allowed
  }

  # Every namespace may pull from the registry, which must be there first.
  registry_integration = true

  # Load balancers, volumes and their snapshots were made by the cluster and not by Terraform: without this they stay,
  # and cost money.
  destroy_all_associated_resources = true

  # The state keeps a kubeconfig; it is worth nothing after ten minutes.
  kubeconfig_expire_seconds = 600

  node_pool {
    name       = "work"
    size       = var.nodes.size
    auto_scale = true
    min_nodes  = var.nodes.min
    max_nodes  = var.nodes.max
  }

  lifecycle {
    # New patches come by auto-upgrade, in the window, and not with whatever is applied next.
    ignore_changes = [version]
  }

  depends_on = [digitalocean_container_registries.this]
}

# Should code from a repository break out of its build, it finds nobody on its node.
resource "digitalocean_kubernetes_node_pool" "builds" {
  count      = var.build_node == null ? 0 : 1
  cluster_id = digitalocean_kubernetes_cluster.this.id
  name       = "builds"
  size       = var.build_node
  node_count = 1

  taint {
    key    = "fairlead.dev/builds"
    value  = "true"
    effect = "NoSchedule"
  }
}

resource "digitalocean_container_registries" "this" {
  name                   = var.registry
  region                 = var.region
  subscription_tier_slug = local.registry_plan
}

resource "digitalocean_project" "this" {
  name        = var.name
  description = trimspace("The todo application and what it runs on, deployed by Fairlead. ${var.mark}")
  purpose     = "Web Application"
  environment = "Production"
  resources   = [digitalocean_kubernetes_cluster.this.urn]
}

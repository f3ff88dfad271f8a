# What Fairlead is set up with.
output "cluster_name" { value = digitalocean_kubernetes_cluster.this.name }
output "cluster_id" { value = digitalocean_kubernetes_cluster.this.id }
output "registry" { value = digitalocean_container_registries.this.name }
output "registry_endpoint" { value = digitalocean_container_registries.this.endpoint }
output "registry_plan" { value = local.registry_plan }
output "region" { value = var.region }
output "vpc_id" { value = digitalocean_vpc.this.id }
output "project_id" { value = digitalocean_project.this.id }
output "kubernetes_version" { value = digitalocean_kubernetes_cluster.this.version }

output "monthly_cost_usd" {
  description = "With as many nodes as the stack needs at rest."
  value       = sum(values(local.cost_parts))
}

output "monthly_cost_usd_at_most" {
  description = "With every node that the autoscaler may add."
  value = sum(values(local.cost_parts)) + (
    (var.nodes.max - local.nodes_at_rest) * local.prices.node[var.nodes.size]
  )
}

output "monthly_cost_usd_parts" { value = local.cost_parts }
output "prices_as_of" { value = local.prices.as_of }

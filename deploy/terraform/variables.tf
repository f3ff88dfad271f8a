variable "name" {
  description = "Names the cluster, its VPC and the project."
  type        = string
  default     = "todo-production"

  validation {
    condition     = can(regex("^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$", var.name))
    error_message = "Lower-case letters, digits and hyphens, 40 at most."
  }
}

variable "mark" {
  description = "A text in the descriptions of the network and the project, by which deploy/stack knows its own again."
  type        = string
  default     = ""
}

variable "region" {
  description = "Where everything runs. Each of these has DOKS, volumes and registries."
  type        = string
  default     = "fra1"

  validation {
    condition     = contains(["nyc3", "sfo3", "ams3", "sgp1", "fra1"], var.region)
    error_message = "Registries are in nyc3, sfo3, ams3, sgp1 and fra1: images from elsewhere are pulled slowly."
  }
}

variable "kubernetes_minor" {
  description = "The minor version; the cluster is made with its newest patch."
  type        = string
  default     = "1.36"

  validation {
    condition     = can(regex("^1\\.[0-9]+$", var.kubernetes_minor))
    error_message = "A minor version such as 1.36."
  }
}

variable "ha_control_plane" {
  description = "A control plane of several nodes ($40 a month). It cannot be turned off again."
  type        = bool
  default     = true
}

variable "control_plane_allowed" {
  description = "Who reaches the Kubernetes API: blocks of addresses. There is no default: [\"0.0.0.0/0\"] is a choice."
  type        = list(string)

  validation {
    condition = length(var.control_plane_allowed) > 0 && alltrue([
      for block in var.control_plane_allowed : can(cidrhost(block, 0))
    ])
    error_message = "At least one block of addresses, such as 203.0.113.7/32."
  }
}

variable "nodes" {
  description = "The pool that everything but builds runs on. Another size makes the cluster anew."
  type = object({
    size = optional(string, "s-4vcpu-8gb")
    min  = optional(number, 2)
    max  = optional(number, 5)
  })
  default = {}

  validation {
    condition     = var.nodes.min >= 1 && var.nodes.min <= var.nodes.max
    error_message = "min is at least 1, and not above max: an autoscaled pool does not shrink to nothing."
  }

  validation {
    condition     = contains(keys(local.prices.node), var.nodes.size)
    error_message = "prices.tf has no price of this size: add it, with the day you read it."
  }
}

variable "build_node" {
  description = "The size of the node for builds, where code from repositories runs alone; null for a cluster without."
  type        = string
  default     = "s-4vcpu-8gb"

  validation {
    condition     = var.build_node == null ? true : contains(keys(local.prices.node), var.build_node)
    error_message = "prices.tf has no price of this size: add it, with the day you read it."
  }
}

variable "registry" {
  description = "The registry's name, unique among all customers of DigitalOcean."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]([-a-z0-9]{1,61}[a-z0-9])$", var.registry))
    error_message = "Lower-case letters, digits and hyphens, 3 to 63."
  }
}

variable "repositories" {
  description = "What is pushed there: Fairlead, its builder, the application's images. The plan follows their number."
  type        = set(string)
  default     = ["fairlead", "fairlead-builder", "backend", "event-service", "frontend"]
}

variable "volumes_gib" {
  description = "Block storage that the platform claims, for the price alone: the claims themselves make the volumes."
  type        = map(number)
  default = {
    fairlead   = 10
    kafka      = 30
    redis      = 5
    prometheus = 30
    jaeger     = 10
  }
}

terraform {
  required_version = ">= 1.9"

  required_providers {
    digitalocean = {
      source  = "digitalocean/digitalocean"
      version = "~> 2.99"
    }
  }
}

# The token comes from the environment (DIGITALOCEAN_TOKEN), so that no file and no command line holds it.
provider "digitalocean" {}

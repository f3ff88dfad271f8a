import Kubernetes

/// A value as it is written in JSON.
func parsed(_ text: String) throws -> JSON { try JSON(parsing: Array(text.utf8)) }

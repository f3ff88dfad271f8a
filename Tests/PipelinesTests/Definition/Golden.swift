/// What was written before and must be read for ever.
enum Golden {
    /// The same as the first version kept it in its database.
    static let firstDefinition = #"""
        {"deploy":{"before":"deploy/todo/migrate.yaml","manifests":["deploy/todo/k8s"],"namespace":"todo","o\#
        nFailure":"undo","target":{"podman":{}},"timeout":300},"environment":"production","images":[{"args":\#
        {},"context":"backend","name":"backend"},{"args":{"MODE":"production","NODE_VERSION":"22.10"},"conte\#
        xt":"frontend","dockerfile":"frontend/Dockerfile","name":"frontend","target":"runtime"}],"name":"tod\#
        o","onPush":"latest","registry":{"embedded":{}},"secrets":{"DATABASE_URL":{"env":"TODO_DATABASE_URL"\#
        },"SESSION_KEY":{"file":"/etc/fairlead/secrets/todo-session-key"}},"smokeTest":[{"expect":{"headers"\#
        :{"Content-Type":"application/json"},"json":{"checks.0.name":"database","status":"ok","version":null\#
        },"status":200,"within":0.5},"get":"service://backend:8000/health","headers":{"Accept":"application/\#
        json"},"name":"API answers","retryEvery":2,"retryFor":60},{"expect":{"body":"<title>Todo","headers":\#
        {},"json":{},"status":200},"get":"https://todo.example.com/","headers":{},"name":"page is there","re\#
        tryEvery":2,"retryFor":60}],"source":{"branch":"main","github":"acme/todo","paths":["backend/**","fr\#
        ontend/**","deploy/todo/**"]}}
        """#

    /// The JSON of `pipelines/examples/full.yaml`, as a run keeps it.
    static let definition = """
        {
          "deploy" : {
            "before" : "deploy/todo/migrate.yaml",
            "manifests" : [
              "deploy/todo/k8s"
            ],
            "namespace" : "todo",
            "onFailure" : "undo",
            "target" : {
              "podman" : {

              }
            },
            "timeout" : 300
          },
          "environment" : "production",
          "hold" : "untilResumed",
          "images" : [
            {
              "args" : {

              },
              "context" : "backend",
              "name" : "backend"
            },
            {
              "args" : {
                "MODE" : "production",
                "NODE_VERSION" : "22.10"
              },
              "context" : "frontend",
              "dockerfile" : "frontend/Dockerfile",
              "name" : "frontend",
              "target" : "runtime"
            }
          ],
          "name" : "todo",
          "onPush" : "latest",
          "registry" : {
            "embedded" : {

            }
          },
          "secrets" : {
            "DATABASE_URL" : {
              "env" : "TODO_DATABASE_URL"
            },
            "SESSION_KEY" : {
              "file" : "/etc/fairlead/secrets/todo-session-key"
            }
          },
          "smokeTest" : [
            {
              "expect" : {
                "headers" : {
                  "Content-Type" : "application/json"
                },
                "json" : {
                  "checks.0.name" : "database",
                  "status" : "ok",
                  "version" : null
                },
                "status" : 200,
                "within" : 0.5
              },
              "get" : "service://backend:8000/health",
              "headers" : {
                "Accept" : "application/json"
              },
              "name" : "API answers",
              "retryEvery" : 2,
              "retryFor" : 60
            },
            {
              "expect" : {
                "body" : "<title>Todo",
                "headers" : {

                },
                "json" : {

                },
                "status" : 200
              },
              "get" : "https://todo.example.com/",
              "headers" : {

              },
              "name" : "page is there",
              "retryEvery" : 2,
              "retryFor" : 60
            },
            {
              "capture" : {
                "task" : "id"
              },
              "expect" : {
                "headers" : {

                },
                "json" : {

                },
                "status" : 201
              },
              "headers" : {

              },
              "json" : {
                "tags" : [
                  "check"
                ],
                "title" : "Smoke test"
              },
              "name" : "make a task",
              "post" : "service://backend:8000/api/tasks",
              "retryEvery" : 2,
              "retryFor" : 60
            },
            {
              "expect" : {
                "headers" : {

                },
                "json" : {
                  "id" : "{{task}}"
                },
                "status" : 200
              },
              "get" : "service://backend:8000/api/tasks/{{task}}",
              "headers" : {

              },
              "name" : "the task is there",
              "retryEvery" : 2,
              "retryFor" : 60
            },
            {
              "delete" : "service://backend:8000/api/tasks/{{task}}",
              "expect" : {
                "headers" : {

                },
                "json" : {

                },
                "status" : 204
              },
              "headers" : {

              },
              "name" : "remove the task",
              "retryEvery" : 2,
              "retryFor" : 60
            }
          ],
          "source" : {
            "branch" : "main",
            "github" : "acme/todo",
            "paths" : [
              "backend/**",
              "frontend/**",
              "deploy/todo/**"
            ]
          }
        }
        """
}

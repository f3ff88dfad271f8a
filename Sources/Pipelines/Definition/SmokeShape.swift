extension Shape {
    /// One check of `smokeTest:`.
    static let smokeCheck = Shape.object(
        ObjectShape(
            keys: [
                .optional("name", .text(.label), "What the check shows, for people. Default: its address."),
                .optional(
                    "get",
                    .text(.checkAddress),
                    """
                    What is asked for: service://NAME:PORT/PATH reaches a Service of the deploy, https://… or http://… \
                    is reached from outside.
                    """
                ),
                .optional("post", .text(.checkAddress), "Where the body is sent to with POST; an address as for get."),
                .optional("put", .text(.checkAddress), "Where the body is sent to with PUT; an address as for get."),
                .optional(
                    "patch",
                    .text(.checkAddress),
                    "Where the body is sent to with PATCH; an address as for get."
                ),
                .optional("delete", .text(.checkAddress), "What is deleted: an address as for get."),
                .optional(
                    "headers",
                    .table(keys: .headerName, values: .text(.line), count: 0...32),
                    "Headers of the request."
                ),
                .optional(
                    "json",
                    .json,
                    "The body of the request, sent as application/json, or as the Content-Type that is among the headers."
                ),
                .optional(
                    "body",
                    .text(.prose),
                    "The body of the request as it is. What type it has is for the headers to say: Content-Type."
                ),
                .optional(
                    "capture",
                    .table(keys: .variable, values: .text(.jsonPath), count: 0...16),
                    """
                    Values of the JSON answer that checks further down can use, by name: { task: id } makes {{task}} of \
                    what is at id. It may stand in addresses (after the host), headers, bodies and what is expected.
                    """
                ),
                .optional("expect", expectation, "What the answer must be like. Default: status 200."),
                .optional(
                    "retry",
                    .object(
                        ObjectShape(keys: [
                            .optional("for", .duration, "How long a check that fails is tried again. Default: 60s."),
                            .optional("every", .duration, "The time between two tries. Default: 2s."),
                        ])
                    ),
                    """
                    How a check that fails is tried again. One that is not a GET is tried again only where it cannot \
                    have done anything: nothing of it was sent, or the answer was 429 or 503.
                    """
                ),
                .optional(
                    "tls",
                    .object(
                        ObjectShape(keys: [
                            .required("validFor", .days, "How long the certificate must still be valid, e.g. 14d.")
                        ])
                    ),
                    "What the certificate of an https address must be like. Default: valid now."
                ),
            ],
            exactlyOne: [Definition.SmokeCheck.Method.allCases.map(\.rawValue)],
            apart: [
                .init(key: "get", others: ["json", "body"], reason: "a GET sends none; write post, put or patch"),
                .init(key: "json", others: ["body"], reason: "there is one body: keep one of them"),
            ]
        )
    )

    private static let expectation = Shape.object(
        ObjectShape(keys: [
            .optional("status", .integer(100...599), "The answer's status. Default: 200."),
            .optional(
                "json",
                .table(keys: .jsonPath, values: .scalar, count: 0...64),
                """
                Values that the JSON body must have: a path with dots between keys and positions, such as \
                items.0.name, and the text, number, true, false or null that must be there.
                """
            ),
            .optional("body", .text(.prose), "Text that the body must contain."),
            .optional(
                "headers",
                .table(keys: .headerName, values: .text(.line), count: 0...32),
                "Headers that the answer must carry."
            ),
            .optional("within", .duration, "The longest time that the answer may take, e.g. 500ms. Default: no limit."),
        ])
    )
}

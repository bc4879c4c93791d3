/// What the server says of itself.
package enum OpenAPIDocument {
  /// The OpenAPI 3.0.3 document of what this version serves, as JSON text; `/openapi.json` answers with it. Routes and answers must agree
  /// with it. Each schema is as narrow as JSON Schema can say, so that bodies made from it are mostly valid; OpenAPI 3.0 has no keyword for
  /// the names of members, so `x-key-pattern` says those.
  package static let text = #"""
    {
     "openapi": "3.0.3",
     "info": {
      "title": "Parley",
      "version": "0.1.0",
      "description": "A server to run yourself that speaks the protocol of Twilio's Conversations API v2. This document has what this \#
    version serves.\n\n**Sign-in.** HTTP Basic: account SID and auth token, or API key SID and secret. Resources of another account \#
    do not exist (404).\n\n**Requests.** Bodies are JSON in UTF-8, at most 16 MiB, at most 64 levels deep, no member twice. Unknown \#
    fields and query parameters are ignored, read-only fields that come back too. Null for an optional field is the same as leaving \#
    it out, save where a PATCH says what it does. Lengths count Unicode code points. Query names are matched without regard to case; \#
    the exact spelling wins. HEAD works wherever GET does, and a slash at the end of a path means nothing.\n\n**Errors.** Every \#
    answer from 400 on has the Error body. If several things are wrong, the first of these is said: 401, 404 or 405 of the path, 429, \#
    415, 413, 400 of query and headers, 404, 400 of the body, 404 of what the body names, 400 of the state that things are in, 409. A \#
    known path with another method is 405 with Allow.\n\n**Limits.** 100 participants and 5000 grouping keys to a conversation, 50 \#
    addresses to a participant, 8 entries of metadata.",
      "license": {
       "name": "Apache-2.0",
       "url": "https://www.apache.org/licenses/LICENSE-2.0"
      }
     },
     "servers": [{"url": "/"}],
     "security": [{"basicAuth": []}],
     "tags": [
      {"name": "Configuration", "description": "How conversations are captured and grouped."},
      {"name": "Operation", "description": "How far the server is with something that it accepted."},
      {"name": "Conversation", "description": "Threads of communications."},
      {"name": "Participant", "description": "Who takes part in a conversation, and on which addresses."},
      {"name": "Delivery", "description": "What was told to callbacks, what came back, and what is still to be told. Parley's own."},
      {"name": "Pause", "description": "Callback URLs that are sent nothing for now. Parley's own."},
      {"name": "Listener", "description": "Callbacks for all conversations of the account, for a while. Parley's own."},
      {"name": "Signature check", "description": "Why a webhook's signature does not match. Parley's own."},
      {"name": "Monitoring", "description": "For those who run the server; no sign-in."}
     ],
     "paths": {
      "/v2/ControlPlane/Configurations": {
       "get": {
        "operationId": "ListConfiguration",
        "tags": ["Configuration"],
        "summary": "Lists the configurations of the account, the newest first",
        "parameters": [
         {"$ref": "#/components/parameters/MemoryStoreIdFilter"},
         {"$ref": "#/components/parameters/PageSize"},
         {"$ref": "#/components/parameters/PageToken"},
         {"$ref": "#/components/parameters/PageSizeAlias"},
         {"$ref": "#/components/parameters/PageTokenAlias"},
         {"$ref": "#/components/parameters/PageAlias"}
        ],
        "responses": {
         "200": {
          "description": "One page of configurations.",
          "headers": {
           "Twilio-Request-Id": {"$ref": "#/components/headers/Twilio-Request-Id"},
           "Twilio-Request-Duration": {"$ref": "#/components/headers/Twilio-Request-Duration"},
           "Twilio-Concurrent-Requests": {"$ref": "#/components/headers/Twilio-Concurrent-Requests"}
          },
          "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ConfigurationList"}}}
         },
         "400": {"$ref": "#/components/responses/BadRequest"},
         "401": {"$ref": "#/components/responses/Unauthorized"},
         "404": {"$ref": "#/components/responses/NotFound"},
         "429": {"$ref": "#/components/responses/TooManyRequests"},
         "500": {"$ref": "#/components/responses/InternalServerError"},
         "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
       },
       "post": {
        "operationId": "CreateConfiguration",
        "tags": ["Configuration"],
        "summary": "Creates a configuration, by an operation",
        "description": "The id of the new configuration is in the answer. All that can be wrong is said at once and starts no operation.",
        "parameters": [{"$ref": "#/components/parameters/IdempotencyKey"}],
        "requestBody": {
         "required": true,
         "content": {"application/json": {"schema": {"$ref": "#/components/schemas/CreateConfigurationRequest"}}}
        },
        "responses": {
         "202": {"$ref": "#/components/responses/ConfigurationAccepted"},
         "400": {"$ref": "#/components/responses/BadRequest"},
         "401": {"$ref": "#/components/responses/Unauthorized"},
         "409": {"$ref": "#/components/responses/Conflict"},
         "413": {"$ref": "#/components/responses/BodyTooLarge"},
         "415": {"$ref": "#/components/responses/UnsupportedMediaType"},
         "429": {"$ref": "#/components/responses/TooManyRequests"},
         "500": {"$ref": "#/components/responses/InternalServerError"},
         "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
       }
      },
      "/v2/ControlPlane/Configurations/{Sid}": {
       "parameters": [{"$ref": "#/components/parameters/ConfigurationSid"}],
       "get": {
        "operationId": "FetchConfiguration",
        "tags": ["Configuration"],
        "summary": "Fetches a configuration",
        "responses": {
         "200": {
          "description": "The configuration.",
          "headers": {
           "Twilio-Request-Id": {"$ref": "#/components/headers/Twilio-Request-Id"},
           "Twilio-Request-Duration": {"$ref": "#/components/headers/Twilio-Request-Duration"},
           "Twilio-Concurrent-Requests": {"$ref": "#/components/headers/Twilio-Concurrent-Requests"}
          },
          "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Configuration"}}}
         },
         "400": {"$ref": "#/components/responses/BadRequest"},
         "401": {"$ref": "#/components/responses/Unauthorized"},
         "404": {"$ref": "#/components/responses/NotFound"},
         "429": {"$ref": "#/components/responses/TooManyRequests"},
         "500": {"$ref": "#/components/responses/InternalServerError"},
         "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
       }
      },
      "/v2/ControlPlane/Operations/{Sid}": {
       "parameters": [{"$ref": "#/components/parameters/OperationSid"}],
       "get": {
        "operationId": "FetchOperationStatus",
        "tags": ["Operation"],
        "summary": "Tells how far an operation is",
        "responses": {
         "200": {
          "description": "The operation.",
          "headers": {
           "Twilio-Request-Id": {"$ref": "#/components/headers/Twilio-Request-Id"},
           "Twilio-Request-Duration": {"$ref": "#/components/headers/Twilio-Request-Duration"},
           "Twilio-Concurrent-Requests": {"$ref": "#/components/headers/Twilio-Concurrent-Requests"}
          },
          "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Operation"}}}
         },
         "400": {"$ref": "#/components/responses/BadRequest"},
         "401": {"$ref": "#/components/responses/Unauthorized"},
         "404": {"$ref": "#/components/responses/NotFound"},
         "429": {"$ref": "#/components/responses/TooManyRequests"},
         "500": {"$ref": "#/components/responses/InternalServerError"},
         "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
       }
      },
      "/v2/Conversations": {
       "get": {
        "operationId": "ListConversationByAccount",
        "tags": ["Conversation"],
        "summary": "Lists the conversations of the account, the newest first",
        "description": "Several filters narrow the list together.",
        "parameters": [
         {"$ref": "#/components/parameters/StatusFilter"},
         {"$ref": "#/components/parameters/ChannelIdFilter"},
         {"$ref": "#/components/parameters/PageSize"},
         {"$ref": "#/components/parameters/PageToken"},
         {"$ref": "#/components/parameters/PageSizeAlias"},
         {"$ref": "#/components/parameters/PageTokenAlias"},
         {"$ref": "#/components/parameters/PageAlias"}
        ],
        "responses": {
         "200": {
          "description": "One page of conversations.",
          "headers": {
           "Twilio-Request-Id": {"$ref": "#/components/headers/Twilio-Request-Id"},
           "Twilio-Request-Duration": {"$ref": "#/components/headers/Twilio-Request-Duration"},
           "Twilio-Concurrent-Requests": {"$ref": "#/components/headers/Twilio-Concurrent-Requests"}
          },
          "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ConversationList"}}}
         },
         "400": {"$ref": "#/components/responses/BadRequest"},
         "401": {"$ref": "#/components/responses/Unauthorized"},
         "404": {"$ref": "#/components/responses/NotFound"},
         "429": {"$ref": "#/components/responses/TooManyRequests"},
         "500": {"$ref": "#/components/responses/InternalServerError"},
         "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
       },
       "post": {
        "operationId": "CreateConversationWithConfig",
        "tags": ["Conversation"],
        "summary": "Creates a conversation, with participants if wanted",
        "description": "All of it or nothing. A configuration that does not exist is 404. An open conversation with a grouping key in \#
    common is 409.",
        "requestBody": {
         "required": true,
         "content": {"application/json": {"schema": {"$ref": "#/components/schemas/CreateConversationRequest"}}}
        },
        "responses": {
         "201": {"$ref": "#/components/responses/ConversationCreated"},
         "400": {"$ref": "#/components/responses/BadRequest"},
         "401": {"$ref": "#/components/responses/Unauthorized"},
         "404": {"$ref": "#/components/responses/NotFound"},
         "409": {"$ref": "#/components/responses/ConversationConflict"},
         "413": {"$ref": "#/components/responses/BodyTooLarge"},
         "415": {"$ref": "#/components/responses/UnsupportedMediaType"},
         "429": {"$ref": "#/components/responses/TooManyRequests"},
         "500": {"$ref": "#/components/responses/InternalServerError"},
         "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
       }
      },
      "/v2/Conversations/{Sid}": {
       "parameters": [{"$ref": "#/components/parameters/ConversationSidSelf"}],
       "get": {
        "operationId": "FetchConversation",
        "tags": ["Conversation"],
        "summary": "Fetches a conversation",
        "responses": {
         "200": {"$ref": "#/components/responses/Conversation"},
         "400": {"$ref": "#/components/responses/BadRequest"},
         "401": {"$ref": "#/components/responses/Unauthorized"},
         "404": {"$ref": "#/components/responses/NotFound"},
         "429": {"$ref": "#/components/responses/TooManyRequests"},
         "500": {"$ref": "#/components/responses/InternalServerError"},
         "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
       },
       "put": {
        "operationId": "UpdateConversationById",
        "tags": ["Conversation"],
        "summary": "Sets the status of a conversation, and its name and metadata if they are given",
        "description": "A CLOSED conversation can only be said to be CLOSED once more.",
        "requestBody": {
         "required": true,
         "content": {"application/json": {"schema": {"$ref": "#/components/schemas/UpdateConversationRequest"}}}
        },
        "responses": {
         "200": {"$ref": "#/components/responses/Conversation"},
         "400": {"$ref": "#/components/responses/BadRequest"},
         "401": {"$ref": "#/components/responses/Unauthorized"},
         "404": {"$ref": "#/components/responses/NotFound"},
         "413": {"$ref": "#/components/responses/BodyTooLarge"},
         "415": {"$ref": "#/components/responses/UnsupportedMediaType"},
         "429": {"$ref": "#/components/responses/TooManyRequests"},
         "500": {"$ref": "#/components/responses/InternalServerError"},
         "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
       },
       "patch": {
        "operationId": "PatchConversationById",
        "tags": ["Conversation"],
        "summary": "Changes what is given of a conversation",
        "description": "An empty object changes nothing. A CLOSED conversation refuses every change (400).",
        "requestBody": {
         "required": true,
         "content": {"application/json": {"schema": {"$ref": "#/components/schemas/PatchConversationRequest"}}}
        },
        "responses": {
         "200": {"$ref": "#/components/responses/Conversation"},
         "400": {"$ref": "#/components/responses/BadRequest"},
         "401": {"$ref": "#/components/responses/Unauthorized"},
         "404": {"$ref": "#/components/responses/NotFound"},
         "413": {"$ref": "#/components/responses/BodyTooLarge"},
         "415": {"$ref": "#/components/responses/UnsupportedMediaType"},
         "429": {"$ref": "#/components/responses/TooManyRequests"},
         "500": {"$ref": "#/components/responses/InternalServerError"},
         "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
       }
      },
      "/v2/Conversations/{ConversationSid}/Participants": {
       "parameters": [{"$ref": "#/components/parameters/ConversationSid"}],
       "get": {
        "operationId": "ListParticipantByConversation",
        "tags": ["Participant"],
        "summary": "Lists the participants of a conversation, the first ones first",
        "parameters": [
         {"$ref": "#/components/parameters/PageSize"},
         {"$ref": "#/components/parameters/PageToken"},
         {"$ref": "#/components/parameters/PageSizeAlias"},
         {"$ref": "#/components/parameters/PageTokenAlias"},
         {"$ref": "#/components/parameters/PageAlias"}
        ],
        "responses": {
         "200": {
          "description": "One page of participants.",
          "headers": {
           "Twilio-Request-Id": {"$ref": "#/components/headers/Twilio-Request-Id"},
           "Twilio-Request-Duration": {"$ref": "#/components/headers/Twilio-Request-Duration"},
           "Twilio-Concurrent-Requests": {"$ref": "#/components/headers/Twilio-Concurrent-Requests"}
          },
          "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ParticipantList"}}}
         },
         "400": {"$ref": "#/components/responses/BadRequest"},
         "401": {"$ref": "#/components/responses/Unauthorized"},
         "404": {"$ref": "#/components/responses/NotFound"},
         "429": {"$ref": "#/components/responses/TooManyRequests"},
         "500": {"$ref": "#/components/responses/InternalServerError"},
         "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
       },
       "post": {
        "operationId": "CreateParticipantInConversation",
        "tags": ["Participant"],
        "summary": "Adds a participant",
        "description": "At most 100 to a conversation; an address belongs to one of them only. Not in a CLOSED conversation (400).",
        "requestBody": {
         "required": true,
         "content": {"application/json": {"schema": {"$ref": "#/components/schemas/CreateParticipantRequest"}}}
        },
        "responses": {
         "201": {"$ref": "#/components/responses/ParticipantCreated"},
         "400": {"$ref": "#/components/responses/BadRequest"},
         "401": {"$ref": "#/components/responses/Unauthorized"},
         "404": {"$ref": "#/components/responses/NotFound"},
         "409": {"$ref": "#/components/responses/ParticipantConflict"},
         "413": {"$ref": "#/components/responses/BodyTooLarge"},
         "415": {"$ref": "#/components/responses/UnsupportedMediaType"},
         "429": {"$ref": "#/components/responses/TooManyRequests"},
         "500": {"$ref": "#/components/responses/InternalServerError"},
         "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
       }
      },
      "/v2/Conversations/{ConversationSid}/Participants/{Sid}": {
       "parameters": [{"$ref": "#/components/parameters/ConversationSid"}, {"$ref": "#/components/parameters/ParticipantSid"}],
       "get": {
        "operationId": "FetchParticipant",
        "tags": ["Participant"],
        "summary": "Fetches a participant",
        "responses": {
         "200": {"$ref": "#/components/responses/Participant"},
         "400": {"$ref": "#/components/responses/BadRequest"},
         "401": {"$ref": "#/components/responses/Unauthorized"},
         "404": {"$ref": "#/components/responses/NotFound"},
         "429": {"$ref": "#/components/responses/TooManyRequests"},
         "500": {"$ref": "#/components/responses/InternalServerError"},
         "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
       },
       "put": {
        "operationId": "UpdateParticipantInConversation",
        "tags": ["Participant"],
        "summary": "Replaces a participant",
        "description": "A replacement that changes nothing leaves updatedAt alone. Not in a CLOSED conversation (400).",
        "requestBody": {
         "required": true,
         "content": {"application/json": {"schema": {"$ref": "#/components/schemas/UpdateParticipantRequest"}}}
        },
        "responses": {
         "200": {"$ref": "#/components/responses/Participant"},
         "400": {"$ref": "#/components/responses/BadRequest"},
         "401": {"$ref": "#/components/responses/Unauthorized"},
         "404": {"$ref": "#/components/responses/NotFound"},
         "409": {"$ref": "#/components/responses/ParticipantConflict"},
         "413": {"$ref": "#/components/responses/BodyTooLarge"},
         "415": {"$ref": "#/components/responses/UnsupportedMediaType"},
         "429": {"$ref": "#/components/responses/TooManyRequests"},
         "500": {"$ref": "#/components/responses/InternalServerError"},
         "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
       }
      },
      "/parley/v1/Deliveries": {
       "get": {
        "operationId": "ListDelivery",
        "tags": ["Delivery"],
        "summary": "Lists what was told to callbacks, and what is still to be told, the newest first",
        "description": "Several filters narrow the list together. Deliveries that are over are kept for as many days as the server's \#
    settings say.",
        "parameters": [
         {"$ref": "#/components/parameters/DeliveryConversationFilter"},
         {"$ref": "#/components/parameters/DeliveryUrlFilter"},
         {"$ref": "#/components/parameters/EventTypeFilter"},
         {"$ref": "#/components/parameters/DeliveryStateFilter"},
         {"$ref": "#/components/parameters/CreatedAfterFilter"},
         {"$ref": "#/components/parameters/CreatedBeforeFilter"},
         {"$ref": "#/components/parameters/PageSize"},
         {"$ref": "#/components/parameters/PageToken"},
         {"$ref": "#/components/parameters/PageSizeAlias"},
         {"$ref": "#/components/parameters/PageTokenAlias"},
         {"$ref": "#/components/parameters/PageAlias"}
        ],
        "responses": {
         "200": {
          "description": "One page of deliveries.",
          "headers": {
           "Twilio-Request-Id": {"$ref": "#/components/headers/Twilio-Request-Id"},
           "Twilio-Request-Duration": {"$ref": "#/components/headers/Twilio-Request-Duration"},
           "Twilio-Concurrent-Requests": {"$ref": "#/components/headers/Twilio-Concurrent-Requests"}
          },
          "content": {"application/json": {"schema": {"$ref": "#/components/schemas/DeliveryList"}}}
         },
         "400": {"$ref": "#/components/responses/BadRequest"},
         "401": {"$ref": "#/components/responses/Unauthorized"},
         "429": {"$ref": "#/components/responses/TooManyRequests"},
         "500": {"$ref": "#/components/responses/InternalServerError"},
         "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
       }
      },
      "/parley/v1/Deliveries/Resend": {
       "post": {
        "operationId": "ResendFailedDeliveries",
        "tags": ["Delivery"],
        "summary": "Sends all FAILED deliveries to one URL again, those of a span of time if it is given",
        "description": "Each goes to the end of its queue under the idempotency token that it had. After a 5xx some of them wait already; \#
    the same request does the rest.",
        "requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ResendRequest"}}}},
        "responses": {
         "202": {
          "description": "They wait to be sent.",
          "headers": {
           "Twilio-Request-Id": {"$ref": "#/components/headers/Twilio-Request-Id"},
           "Twilio-Request-Duration": {"$ref": "#/components/headers/Twilio-Request-Duration"},
           "Twilio-Concurrent-Requests": {"$ref": "#/components/headers/Twilio-Concurrent-Requests"}
          },
          "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Resent"}}}
         },
         "400": {"$ref": "#/components/responses/BadRequest"},
         "401": {"$ref": "#/components/responses/Unauthorized"},
         "413": {"$ref": "#/components/responses/BodyTooLarge"},
         "415": {"$ref": "#/components/responses/UnsupportedMediaType"},
         "429": {"$ref": "#/components/responses/TooManyRequests"},
         "500": {"$ref": "#/components/responses/InternalServerError"},
         "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
       }
      },
      "/parley/v1/Deliveries/{Sid}": {
       "parameters": [{"$ref": "#/components/parameters/DeliverySid"}],
       "get": {
        "operationId": "FetchDelivery",
        "tags": ["Delivery"],
        "summary": "Fetches a delivery with its event and its attempts",
        "responses": {
         "200": {
          "description": "The delivery.",
          "headers": {
           "Twilio-Request-Id": {"$ref": "#/components/headers/Twilio-Request-Id"},
           "Twilio-Request-Duration": {"$ref": "#/components/headers/Twilio-Request-Duration"},
           "Twilio-Concurrent-Requests": {"$ref": "#/components/headers/Twilio-Concurrent-Requests"}
          },
          "content": {"application/json": {"schema": {"$ref": "#/components/schemas/DeliveryWithAttempts"}}}
         },
         "401": {"$ref": "#/components/responses/Unauthorized"},
         "404": {"$ref": "#/components/responses/NotFound"},
         "429": {"$ref": "#/components/responses/TooManyRequests"},
         "500": {"$ref": "#/components/responses/InternalServerError"},
         "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
       }
      },
      "/parley/v1/Deliveries/{Sid}/Resend": {
       "parameters": [{"$ref": "#/components/parameters/DeliverySid"}],
       "post": {
        "operationId": "ResendDelivery",
        "tags": ["Delivery"],
        "summary": "Sends a FAILED delivery again",
        "description": "It goes to the end of its queue under the idempotency token that it had. A delivery in another state is 400. A \#
    body is ignored.",
        "responses": {
         "202": {
          "description": "The delivery, which is PENDING now.",
          "headers": {
           "Twilio-Request-Id": {"$ref": "#/components/headers/Twilio-Request-Id"},
           "Twilio-Request-Duration": {"$ref": "#/components/headers/Twilio-Request-Duration"},
           "Twilio-Concurrent-Requests": {"$ref": "#/components/headers/Twilio-Concurrent-Requests"}
          },
          "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Delivery"}}}
         },
         "400": {"$ref": "#/components/responses/BadRequest"},
         "401": {"$ref": "#/components/responses/Unauthorized"},
         "404": {"$ref": "#/components/responses/NotFound"},
         "413": {"$ref": "#/components/responses/BodyTooLarge"},
         "415": {"$ref": "#/components/responses/UnsupportedMediaType"},
         "429": {"$ref": "#/components/responses/TooManyRequests"},
         "500": {"$ref": "#/components/responses/InternalServerError"},
         "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
       }
      },
      "/parley/v1/Pauses": {
       "get": {
        "operationId": "ListPause",
        "tags": ["Pause"],
        "summary": "Lists the pauses of the account, the newest first",
        "parameters": [
         {"$ref": "#/components/parameters/PageSize"},
         {"$ref": "#/components/parameters/PageToken"},
         {"$ref": "#/components/parameters/PageSizeAlias"},
         {"$ref": "#/components/parameters/PageTokenAlias"},
         {"$ref": "#/components/parameters/PageAlias"}
        ],
        "responses": {
         "200": {
          "description": "One page of pauses.",
          "headers": {
           "Twilio-Request-Id": {"$ref": "#/components/headers/Twilio-Request-Id"},
           "Twilio-Request-Duration": {"$ref": "#/components/headers/Twilio-Request-Duration"},
           "Twilio-Concurrent-Requests": {"$ref": "#/components/headers/Twilio-Concurrent-Requests"}
          },
          "content": {"application/json": {"schema": {"$ref": "#/components/schemas/PauseList"}}}
         },
         "400": {"$ref": "#/components/responses/BadRequest"},
         "401": {"$ref": "#/components/responses/Unauthorized"},
         "429": {"$ref": "#/components/responses/TooManyRequests"},
         "500": {"$ref": "#/components/responses/InternalServerError"},
         "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
       },
       "post": {
        "operationId": "CreatePause",
        "tags": ["Pause"],
        "summary": "Pauses a callback URL",
        "description": "Nothing more is sent to it until its pause is deleted; its events wait, also those of conversations that are made \#
    later. What is being sent at this moment may still arrive. The URL `*` pauses all webhooks of the account, also those that are \#
    configured later. At most 1000 pauses to an account.",
        "requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/CreatePauseRequest"}}}},
        "responses": {
         "200": {
          "description": "The URL was paused before, by this pause.",
          "headers": {
           "Twilio-Request-Id": {"$ref": "#/components/headers/Twilio-Request-Id"},
           "Twilio-Request-Duration": {"$ref": "#/components/headers/Twilio-Request-Duration"},
           "Twilio-Concurrent-Requests": {"$ref": "#/components/headers/Twilio-Concurrent-Requests"}
          },
          "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pause"}}}
         },
         "201": {
          "description": "The new pause.",
          "headers": {
           "Twilio-Request-Id": {"$ref": "#/components/headers/Twilio-Request-Id"},
           "Twilio-Request-Duration": {"$ref": "#/components/headers/Twilio-Request-Duration"},
           "Twilio-Concurrent-Requests": {"$ref": "#/components/headers/Twilio-Concurrent-Requests"}
          },
          "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pause"}}}
         },
         "400": {"$ref": "#/components/responses/BadRequest"},
         "401": {"$ref": "#/components/responses/Unauthorized"},
         "413": {"$ref": "#/components/responses/BodyTooLarge"},
         "415": {"$ref": "#/components/responses/UnsupportedMediaType"},
         "429": {"$ref": "#/components/responses/TooManyRequests"},
         "500": {"$ref": "#/components/responses/InternalServerError"},
         "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
       }
      },
      "/parley/v1/Pauses/{Sid}": {
       "parameters": [{"$ref": "#/components/parameters/PauseSid"}],
       "get": {
        "operationId": "FetchPause",
        "tags": ["Pause"],
        "summary": "Fetches a pause",
        "responses": {
         "200": {
          "description": "The pause.",
          "headers": {
           "Twilio-Request-Id": {"$ref": "#/components/headers/Twilio-Request-Id"},
           "Twilio-Request-Duration": {"$ref": "#/components/headers/Twilio-Request-Duration"},
           "Twilio-Concurrent-Requests": {"$ref": "#/components/headers/Twilio-Concurrent-Requests"}
          },
          "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pause"}}}
         },
         "401": {"$ref": "#/components/responses/Unauthorized"},
         "404": {"$ref": "#/components/responses/NotFound"},
         "429": {"$ref": "#/components/responses/TooManyRequests"},
         "500": {"$ref": "#/components/responses/InternalServerError"},
         "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
       },
       "delete": {
        "operationId": "DeletePause",
        "tags": ["Pause"],
        "summary": "Resumes a pause's URL",
        "description": "What waits for it is sent, in order.",
        "responses": {
         "204": {
          "description": "Done; there is no body.",
          "headers": {
           "Twilio-Request-Id": {"$ref": "#/components/headers/Twilio-Request-Id"},
           "Twilio-Request-Duration": {"$ref": "#/components/headers/Twilio-Request-Duration"},
           "Twilio-Concurrent-Requests": {"$ref": "#/components/headers/Twilio-Concurrent-Requests"}
          }
         },
         "401": {"$ref": "#/components/responses/Unauthorized"},
         "404": {"$ref": "#/components/responses/NotFound"},
         "429": {"$ref": "#/components/responses/TooManyRequests"},
         "500": {"$ref": "#/components/responses/InternalServerError"},
         "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
       }
      },
      "/parley/v1/Listeners": {
       "get": {
        "operationId": "ListListener",
        "tags": ["Listener"],
        "summary": "Lists the live listeners of the account, the newest first",
        "parameters": [
         {"$ref": "#/components/parameters/PageSize"},
         {"$ref": "#/components/parameters/PageToken"},
         {"$ref": "#/components/parameters/PageSizeAlias"},
         {"$ref": "#/components/parameters/PageTokenAlias"},
         {"$ref": "#/components/parameters/PageAlias"}
        ],
        "responses": {
         "200": {
          "description": "One page of listeners.",
          "headers": {
           "Twilio-Request-Id": {"$ref": "#/components/headers/Twilio-Request-Id"},
           "Twilio-Request-Duration": {"$ref": "#/components/headers/Twilio-Request-Duration"},
           "Twilio-Concurrent-Requests": {"$ref": "#/components/headers/Twilio-Concurrent-Requests"}
          },
          "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ListenerList"}}}
         },
         "400": {"$ref": "#/components/responses/BadRequest"},
         "401": {"$ref": "#/components/responses/Unauthorized"},
         "429": {"$ref": "#/components/responses/TooManyRequests"},
         "500": {"$ref": "#/components/responses/InternalServerError"},
         "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
       },
       "post": {
        "operationId": "CreateListener",
        "tags": ["Listener"],
        "summary": "Tells all events of the account to one more URL, for a while",
        "description": "Events come by POST, beside those that the callbacks of each conversation get. A listener ends by itself unless \#
    it is renewed, and with the API key or auth token that it was made with. At most 20 live ones to an account.",
        "requestBody": {
         "required": true,
         "content": {"application/json": {"schema": {"$ref": "#/components/schemas/CreateListenerRequest"}}}
        },
        "responses": {
         "201": {
          "description": "The listener.",
          "headers": {
           "Twilio-Request-Id": {"$ref": "#/components/headers/Twilio-Request-Id"},
           "Twilio-Request-Duration": {"$ref": "#/components/headers/Twilio-Request-Duration"},
           "Twilio-Concurrent-Requests": {"$ref": "#/components/headers/Twilio-Concurrent-Requests"}
          },
          "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Listener"}}}
         },
         "400": {"$ref": "#/components/responses/BadRequest"},
         "401": {"$ref": "#/components/responses/Unauthorized"},
         "413": {"$ref": "#/components/responses/BodyTooLarge"},
         "415": {"$ref": "#/components/responses/UnsupportedMediaType"},
         "429": {"$ref": "#/components/responses/TooManyRequests"},
         "500": {"$ref": "#/components/responses/InternalServerError"},
         "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
       }
      },
      "/parley/v1/Listeners/{Sid}": {
       "parameters": [{"$ref": "#/components/parameters/ListenerSid"}],
       "get": {
        "operationId": "FetchListener",
        "tags": ["Listener"],
        "summary": "Fetches a live listener",
        "responses": {
         "200": {
          "description": "The listener.",
          "headers": {
           "Twilio-Request-Id": {"$ref": "#/components/headers/Twilio-Request-Id"},
           "Twilio-Request-Duration": {"$ref": "#/components/headers/Twilio-Request-Duration"},
           "Twilio-Concurrent-Requests": {"$ref": "#/components/headers/Twilio-Concurrent-Requests"}
          },
          "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Listener"}}}
         },
         "401": {"$ref": "#/components/responses/Unauthorized"},
         "404": {"$ref": "#/components/responses/NotFound"},
         "429": {"$ref": "#/components/responses/TooManyRequests"},
         "500": {"$ref": "#/components/responses/InternalServerError"},
         "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
       },
       "put": {
        "operationId": "RenewListener",
        "tags": ["Listener"],
        "summary": "Moves the end of a live listener",
        "description": "It ends as many seconds from now as the body says. One that has ended does not exist (404).",
        "requestBody": {
         "required": true,
         "content": {"application/json": {"schema": {"$ref": "#/components/schemas/RenewListenerRequest"}}}
        },
        "responses": {
         "200": {
          "description": "The listener.",
          "headers": {
           "Twilio-Request-Id": {"$ref": "#/components/headers/Twilio-Request-Id"},
           "Twilio-Request-Duration": {"$ref": "#/components/headers/Twilio-Request-Duration"},
           "Twilio-Concurrent-Requests": {"$ref": "#/components/headers/Twilio-Concurrent-Requests"}
          },
          "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Listener"}}}
         },
         "400": {"$ref": "#/components/responses/BadRequest"},
         "401": {"$ref": "#/components/responses/Unauthorized"},
         "404": {"$ref": "#/components/responses/NotFound"},
         "413": {"$ref": "#/components/responses/BodyTooLarge"},
         "415": {"$ref": "#/components/responses/UnsupportedMediaType"},
         "429": {"$ref": "#/components/responses/TooManyRequests"},
         "500": {"$ref": "#/components/responses/InternalServerError"},
         "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
       },
       "delete": {
        "operationId": "DeleteListener",
        "tags": ["Listener"],
        "summary": "Ends a listener",
        "description": "What already waits for it is still sent.",
        "responses": {
         "204": {
          "description": "Done; there is no body.",
          "headers": {
           "Twilio-Request-Id": {"$ref": "#/components/headers/Twilio-Request-Id"},
           "Twilio-Request-Duration": {"$ref": "#/components/headers/Twilio-Request-Duration"},
           "Twilio-Concurrent-Requests": {"$ref": "#/components/headers/Twilio-Concurrent-Requests"}
          }
         },
         "401": {"$ref": "#/components/responses/Unauthorized"},
         "404": {"$ref": "#/components/responses/NotFound"},
         "429": {"$ref": "#/components/responses/TooManyRequests"},
         "500": {"$ref": "#/components/responses/InternalServerError"},
         "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
       }
      },
      "/parley/v1/SignatureChecks": {
       "post": {
        "operationId": "CheckSignature",
        "tags": ["Signature check"],
        "summary": "Tells whether a webhook's signature is right, and if not, which part of it differs",
        "description": "Give the request just as your code saw it. The signature is checked by the auth token that the account has now, \#
    and nothing is kept. Where it is wrong, variations of the URL are tried, and the URLs that the account's latest deliveries went to, \#
    until one gives it.",
        "requestBody": {
         "required": true,
         "content": {"application/json": {"schema": {"$ref": "#/components/schemas/SignatureCheckRequest"}}}
        },
        "responses": {
         "200": {
          "description": "The verdict.",
          "headers": {
           "Twilio-Request-Id": {"$ref": "#/components/headers/Twilio-Request-Id"},
           "Twilio-Request-Duration": {"$ref": "#/components/headers/Twilio-Request-Duration"},
           "Twilio-Concurrent-Requests": {"$ref": "#/components/headers/Twilio-Concurrent-Requests"}
          },
          "content": {"application/json": {"schema": {"$ref": "#/components/schemas/SignatureVerdict"}}}
         },
         "400": {"$ref": "#/components/responses/BadRequest"},
         "401": {"$ref": "#/components/responses/Unauthorized"},
         "413": {"$ref": "#/components/responses/BodyTooLarge"},
         "415": {"$ref": "#/components/responses/UnsupportedMediaType"},
         "429": {"$ref": "#/components/responses/TooManyRequests"},
         "500": {"$ref": "#/components/responses/InternalServerError"},
         "503": {"$ref": "#/components/responses/ServiceUnavailable"}
        }
       }
      },
      "/health": {
       "get": {
        "operationId": "FetchHealth",
        "tags": ["Monitoring"],
        "summary": "Tells that the process lives",
        "security": [],
        "responses": {
         "200": {
          "description": "It lives.",
          "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Health"}}}
         }
        }
       }
      },
      "/ready": {
       "get": {
        "operationId": "FetchReadiness",
        "tags": ["Monitoring"],
        "summary": "Tells whether requests can be served",
        "security": [],
        "responses": {
         "200": {
          "description": "They can.",
          "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Readiness"}}}
         },
         "503": {"$ref": "#/components/responses/NotReady"}
        }
       }
      },
      "/metrics": {
       "get": {
        "operationId": "FetchMetrics",
        "tags": ["Monitoring"],
        "summary": "Counters for Prometheus",
        "security": [],
        "responses": {
         "200": {
          "description": "In the text format, without ids or personal data.",
          "content": {"text/plain": {"schema": {"type": "string"}}}
         }
        }
       }
      },
      "/openapi.json": {
       "get": {
        "operationId": "FetchOpenAPIDocument",
        "tags": ["Monitoring"],
        "summary": "This document",
        "security": [],
        "responses": {"200": {"description": "OpenAPI 3.0.", "content": {"application/json": {"schema": {"type": "object"}}}}}
       }
      }
     },
     "components": {
      "securitySchemes": {
       "basicAuth": {"type": "http", "scheme": "basic", "description": "Account SID and auth token, or API key SID and secret."}
      },
      "parameters": {
       "ConfigurationSid": {
        "name": "Sid",
        "in": "path",
        "required": true,
        "schema": {"$ref": "#/components/schemas/ConfigurationId"},
        "description": "Matched as it is written: an id of another form is one that does not exist (404)."
       },
       "OperationSid": {
        "name": "Sid",
        "in": "path",
        "required": true,
        "schema": {"$ref": "#/components/schemas/OperationId"},
        "description": "Matched as it is written: an id of another form is one that does not exist (404)."
       },
       "ConversationSidSelf": {
        "name": "Sid",
        "in": "path",
        "required": true,
        "schema": {"$ref": "#/components/schemas/ConversationId"},
        "description": "Matched as it is written: an id of another form is one that does not exist (404)."
       },
       "ConversationSid": {
        "name": "ConversationSid",
        "in": "path",
        "required": true,
        "schema": {"$ref": "#/components/schemas/ConversationId"},
        "description": "Matched as it is written: an id of another form is one that does not exist (404)."
       },
       "ParticipantSid": {
        "name": "Sid",
        "in": "path",
        "required": true,
        "schema": {"$ref": "#/components/schemas/ParticipantId"},
        "description": "Matched as it is written: an id of another form is one that does not exist (404)."
       },
       "DeliverySid": {
        "name": "Sid",
        "in": "path",
        "required": true,
        "schema": {"$ref": "#/components/schemas/DeliveryId"},
        "description": "Matched as it is written: an id of another form is one that does not exist (404)."
       },
       "PauseSid": {
        "name": "Sid",
        "in": "path",
        "required": true,
        "schema": {"$ref": "#/components/schemas/PauseId"},
        "description": "Matched as it is written: an id of another form is one that does not exist (404)."
       },
       "ListenerSid": {
        "name": "Sid",
        "in": "path",
        "required": true,
        "schema": {"$ref": "#/components/schemas/ListenerId"},
        "description": "Matched as it is written: an id of another form is one that does not exist (404)."
       },
       "PageSize": {
        "name": "pageSize",
        "in": "query",
        "description": "The most items that a page may have; out of bounds is 400.",
        "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 50},
        "example": 20
       },
       "PageToken": {
        "name": "pageToken",
        "in": "query",
        "schema": {"type": "string", "minLength": 1},
        "description": "`nextToken` or `previousToken` of an earlier page of the same list. It carries the list's filters: those in the query \#
    are ignored beside it. Any other text is 400."
       },
       "PageSizeAlias": {
        "name": "PageSize",
        "in": "query",
        "description": "Another spelling of pageSize, read where that one is absent.",
        "schema": {"type": "integer", "minimum": 1, "maximum": 1000}
       },
       "PageTokenAlias": {
        "name": "PageToken",
        "in": "query",
        "description": "Another spelling of pageToken, read where that one is absent.",
        "schema": {"type": "string", "minLength": 1}
       },
       "PageAlias": {
        "name": "Page",
        "in": "query",
        "description": "Taken from older clients and ignored.",
        "schema": {"type": "string"}
       },
       "StatusFilter": {
        "name": "status",
        "in": "query",
        "style": "form",
        "explode": true,
        "description": "Conversations in any of these states. The parameter may be repeated, and one value may list several with commas.",
        "schema": {"type": "array", "items": {"$ref": "#/components/schemas/ConversationStatus"}},
        "example": ["ACTIVE"]
       },
       "ChannelIdFilter": {
        "name": "channelId",
        "in": "query",
        "schema": {"$ref": "#/components/schemas/ChannelResourceId"},
        "description": "Conversations in which a participant's address has this channelId."
       },
       "MemoryStoreIdFilter": {
        "name": "memoryStoreId",
        "in": "query",
        "description": "Configurations with this memory store.",
        "schema": {"$ref": "#/components/schemas/MemoryStoreId"}
       },
       "DeliveryConversationFilter": {
        "name": "conversationId",
        "in": "query",
        "description": "Deliveries of this conversation's events.",
        "schema": {"$ref": "#/components/schemas/ConversationId"}
       },
       "DeliveryUrlFilter": {
        "name": "url",
        "in": "query",
        "description": "Deliveries to this callback URL, spelt as it was configured.",
        "schema": {"$ref": "#/components/schemas/CallbackUrlName"}
       },
       "EventTypeFilter": {
        "name": "eventType",
        "in": "query",
        "style": "form",
        "explode": true,
        "description": "Deliveries of events of any of these types. The parameter may be repeated, and one value may list several with \#
    commas.",
        "schema": {"type": "array", "items": {"$ref": "#/components/schemas/EventType"}},
        "example": ["CONVERSATION_UPDATED"]
       },
       "DeliveryStateFilter": {
        "name": "state",
        "in": "query",
        "style": "form",
        "explode": true,
        "description": "Deliveries in any of these states. The parameter may be repeated, and one value may list several with commas.",
        "schema": {"type": "array", "items": {"$ref": "#/components/schemas/DeliveryState"}},
        "example": ["FAILED"]
       },
       "CreatedAfterFilter": {
        "name": "createdAfter",
        "in": "query",
        "description": "Deliveries from this instant on.",
        "schema": {"$ref": "#/components/schemas/InstantIn"}
       },
       "CreatedBeforeFilter": {
        "name": "createdBefore",
        "in": "query",
        "description": "Deliveries before this instant.",
        "schema": {"$ref": "#/components/schemas/InstantIn"}
       },
       "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "schema": {"type": "string", "pattern": "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"},
        "example": "b83f6a1e-04d7-4c29-8e5b-91c2d7f0a364",
        "description": "A UUID of the client's. The same request under the same key gets the first answer again for 24 hours; another \#
    one 409."
       }
      },
      "headers": {
       "Twilio-Request-Id": {
        "description": "Names this request; the server's log line of it has the same id.",
        "required": true,
        "schema": {"type": "string", "pattern": "^RQ[0-9a-f]{32}$"},
        "example": "RQ7d0e4b2f9a6c4815b3e1f8d27c5a9064"
       },
       "Twilio-Request-Duration": {
        "description": "Seconds that the server spent on the request.",
        "required": true,
        "schema": {"type": "string", "pattern": "^[0-9]+[.][0-9]{3}$"},
        "example": "0.004"
       },
       "Twilio-Concurrent-Requests": {
        "description": "Requests of the account in progress, this one among them; 1 on a 401.",
        "required": true,
        "schema": {"type": "integer", "minimum": 1},
        "example": 1
       },
       "Retry-After": {
        "description": "Whole seconds to wait before the request is sent again.",
        "required": true,
        "schema": {"type": "integer", "minimum": 1},
        "example": 1
       },
       "WWW-Authenticate": {
        "description": "Asks for HTTP Basic.",
        "required": true,
        "schema": {"type": "string", "enum": ["Basic realm=\"Twilio API\""]}
       },
       "Operation-Id": {
        "description": "The operation that carries the change out.",
        "required": true,
        "schema": {"$ref": "#/components/schemas/OperationId"}
       },
       "Operation-Location": {
        "description": "Absolute URL of that operation.",
        "required": true,
        "schema": {"type": "string", "format": "uri"},
        "example": "http://127.0.0.1:8080/v2/ControlPlane/Operations/proc_job_01kdq7k0p5a8bn3r6tzywfx2eh"
       },
       "Operation-Retry-After": {
        "description": "Whole seconds after which the operation is worth a look.",
        "required": true,
        "schema": {"type": "integer", "minimum": 0},
        "example": 1
       },
       "Conflicting-Resource": {
        "description": "What stands in the way, if it is a resource.",
        "schema": {"type": "string"},
        "example": "conv_configuration_01kdq7k0p4gjm7s2c9xvhe5wtn"
       },
       "Conflicting-Conversation": {
        "description": "The open conversation that holds the same grouping key.",
        "required": true,
        "schema": {"$ref": "#/components/schemas/ConversationId"}
       },
       "Conflicting-Participant-Or-Conversation": {
        "description": "The participant that owns the address, or the open conversation that holds the same grouping key.",
        "required": true,
        "schema": {"type": "string", "pattern": "^conv_(participant|conversation)_[0-7][0-9a-z]{25}$"},
        "example": "conv_participant_01kdq7m3a1f2k9w5z8b6dytrxq"
       }
      },
      "responses": {
       "BadRequest": {
        "description": "The query, a header or the body breaks a rule, or the state of what it is about forbids the change.",
        "headers": {
         "Twilio-Request-Id": {"$ref": "#/components/headers/Twilio-Request-Id"},
         "Twilio-Request-Duration": {"$ref": "#/components/headers/Twilio-Request-Duration"},
         "Twilio-Concurrent-Requests": {"$ref": "#/components/headers/Twilio-Concurrent-Requests"}
        },
        "content": {
         "application/json": {
          "schema": {"$ref": "#/components/schemas/Error"},
          "example": {
           "code": 20001,
           "message": "addresses[0].channel is required",
           "more_info": "https://www.twilio.com/docs/errors/20001",
           "status": 400,
           "details": {
            "problems": [
             {"path": "addresses[0].channel", "message": "is required"},
             {"path": "type", "message": "must be one of the participant types"}
            ]
           }
          }
         }
        }
       },
       "Unauthorized": {
        "description": "The credentials are missing, malformed or wrong.",
        "headers": {
         "Twilio-Request-Id": {"$ref": "#/components/headers/Twilio-Request-Id"},
         "Twilio-Request-Duration": {"$ref": "#/components/headers/Twilio-Request-Duration"},
         "Twilio-Concurrent-Requests": {"$ref": "#/components/headers/Twilio-Concurrent-Requests"},
         "WWW-Authenticate": {"$ref": "#/components/headers/WWW-Authenticate"}
        },
        "content": {
         "application/json": {
          "schema": {"$ref": "#/components/schemas/Error"},
          "example": {
           "code": 20003,
           "message": "Authenticate",
           "more_info": "https://www.twilio.com/docs/errors/20003",
           "status": 401
          }
         }
        }
       },
       "NotFound": {
        "description": "The account has no such resource, or there is no such path.",
        "headers": {
         "Twilio-Request-Id": {"$ref": "#/components/headers/Twilio-Request-Id"},
         "Twilio-Request-Duration": {"$ref": "#/components/headers/Twilio-Request-Duration"},
         "Twilio-Concurrent-Requests": {"$ref": "#/components/headers/Twilio-Concurrent-Requests"}
        },
        "content": {
         "application/json": {
          "schema": {"$ref": "#/components/schemas/Error"},
          "example": {
           "code": 20404,
           "message": "The requested resource was not found",
           "more_info": "https://www.twilio.com/docs/errors/20404",
           "status": 404
          }
         }
        }
       },
       "Conflict": {
        "description": "The change collides with something that exists, or the idempotency key was used for another request.",
        "headers": {
         "Twilio-Request-Id": {"$ref": "#/components/headers/Twilio-Request-Id"},
         "Twilio-Request-Duration": {"$ref": "#/components/headers/Twilio-Request-Duration"},
         "Twilio-Concurrent-Requests": {"$ref": "#/components/headers/Twilio-Concurrent-Requests"},
         "X-Conflicting-Resource-Id": {"$ref": "#/components/headers/Conflicting-Resource"}
        },
        "content": {
         "application/json": {
          "schema": {"$ref": "#/components/schemas/Error"},
          "example": {
           "code": 20409,
           "message": "Another configuration stands for this service",
           "more_info": "https://www.twilio.com/docs/errors/20409",
           "status": 409
          }
         }
        }
       },
       "ConversationConflict": {
        "description": "An open conversation has a grouping key in common with the new one. Nothing was created.",
        "headers": {
         "Twilio-Request-Id": {"$ref": "#/components/headers/Twilio-Request-Id"},
         "Twilio-Request-Duration": {"$ref": "#/components/headers/Twilio-Request-Duration"},
         "Twilio-Concurrent-Requests": {"$ref": "#/components/headers/Twilio-Concurrent-Requests"},
         "X-Conflicting-Resource-Id": {"$ref": "#/components/headers/Conflicting-Conversation"}
        },
        "content": {
         "application/json": {
          "schema": {"$ref": "#/components/schemas/Error"},
          "example": {
           "code": 20409,
           "message": "Address mapping already exists on conversation conv_conversation_01kdq7m2x9e6rvb4t0hsa8ncyw.",
           "more_info": "https://www.twilio.com/docs/errors/20409",
           "status": 409
          }
         }
        }
       },
       "ParticipantConflict": {
        "description": "Another participant owns an address, or another open conversation holds a grouping key. Nothing was changed.",
        "headers": {
         "Twilio-Request-Id": {"$ref": "#/components/headers/Twilio-Request-Id"},
         "Twilio-Request-Duration": {"$ref": "#/components/headers/Twilio-Request-Duration"},
         "Twilio-Concurrent-Requests": {"$ref": "#/components/headers/Twilio-Concurrent-Requests"},
         "X-Conflicting-Resource-Id": {"$ref": "#/components/headers/Conflicting-Participant-Or-Conversation"}
        },
        "content": {
         "application/json": {
          "schema": {"$ref": "#/components/schemas/Error"},
          "example": {
           "code": 20409,
           "message": "Address is already owned by participant conv_participant_01kdq7m3a1f2k9w5z8b6dytrxq",
           "more_info": "https://www.twilio.com/docs/errors/20409",
           "status": 409
          }
         }
        }
       },
       "BodyTooLarge": {
        "description": "The body has more than 16 MiB as it was sent.",
        "headers": {
         "Twilio-Request-Id": {"$ref": "#/components/headers/Twilio-Request-Id"},
         "Twilio-Request-Duration": {"$ref": "#/components/headers/Twilio-Request-Duration"},
         "Twilio-Concurrent-Requests": {"$ref": "#/components/headers/Twilio-Concurrent-Requests"}
        },
        "content": {
         "application/json": {
          "schema": {"$ref": "#/components/schemas/Error"},
          "example": {
           "code": 20001,
           "message": "The body is larger than 16 MiB",
           "more_info": "https://www.twilio.com/docs/errors/20001",
           "status": 413
          }
         }
        }
       },
       "UnsupportedMediaType": {
        "description": "The body is not declared to be application/json, or has a Content-Encoding other than identity or a transfer \#
    coding other than chunked.",
        "headers": {
         "Twilio-Request-Id": {"$ref": "#/components/headers/Twilio-Request-Id"},
         "Twilio-Request-Duration": {"$ref": "#/components/headers/Twilio-Request-Duration"},
         "Twilio-Concurrent-Requests": {"$ref": "#/components/headers/Twilio-Concurrent-Requests"}
        },
        "content": {
         "application/json": {
          "schema": {"$ref": "#/components/schemas/Error"},
          "example": {
           "code": 20422,
           "message": "The body must be application/json",
           "more_info": "https://www.twilio.com/docs/errors/20422",
           "status": 415
          }
         }
        }
       },
       "TooManyRequests": {
        "description": "The account has used up its rate limit. The request was not carried out.",
        "headers": {
         "Twilio-Request-Id": {"$ref": "#/components/headers/Twilio-Request-Id"},
         "Twilio-Request-Duration": {"$ref": "#/components/headers/Twilio-Request-Duration"},
         "Twilio-Concurrent-Requests": {"$ref": "#/components/headers/Twilio-Concurrent-Requests"},
         "Retry-After": {"$ref": "#/components/headers/Retry-After"}
        },
        "content": {
         "application/json": {
          "schema": {"$ref": "#/components/schemas/Error"},
          "example": {
           "code": 20429,
           "message": "Too many requests",
           "more_info": "https://www.twilio.com/docs/errors/20429",
           "status": 429
          }
         }
        }
       },
       "InternalServerError": {
        "description": "The server failed. What happened is in its log, under the request id.",
        "headers": {
         "Twilio-Request-Id": {"$ref": "#/components/headers/Twilio-Request-Id"},
         "Twilio-Request-Duration": {"$ref": "#/components/headers/Twilio-Request-Duration"},
         "Twilio-Concurrent-Requests": {"$ref": "#/components/headers/Twilio-Concurrent-Requests"}
        },
        "content": {
         "application/json": {
          "schema": {"$ref": "#/components/schemas/Error"},
          "example": {
           "code": 20500,
           "message": "Internal server error",
           "more_info": "https://www.twilio.com/docs/errors/20500",
           "status": 500
          }
         }
        }
       },
       "ServiceUnavailable": {
        "description": "The server cannot do it just now: the database, the disk or memory is not available, or it is shutting down.",
        "headers": {
         "Twilio-Request-Id": {"$ref": "#/components/headers/Twilio-Request-Id"},
         "Twilio-Request-Duration": {"$ref": "#/components/headers/Twilio-Request-Duration"},
         "Twilio-Concurrent-Requests": {"$ref": "#/components/headers/Twilio-Concurrent-Requests"},
         "Retry-After": {"$ref": "#/components/headers/Retry-After"}
        },
        "content": {
         "application/json": {
          "schema": {"$ref": "#/components/schemas/Error"},
          "example": {
           "code": 20503,
           "message": "Service unavailable",
           "more_info": "https://www.twilio.com/docs/errors/20503",
           "status": 503
          }
         }
        }
       },
       "NotReady": {
        "description": "The database does not answer or is not migrated, or the server is shutting down.",
        "content": {
         "application/json": {
          "schema": {"$ref": "#/components/schemas/Error"},
          "example": {
           "code": 20503,
           "message": "Service unavailable",
           "more_info": "https://www.twilio.com/docs/errors/20503",
           "status": 503
          }
         }
        }
       },
       "ConfigurationAccepted": {
        "description": "The change is accepted. The configuration can be fetched once the operation has ended.",
        "headers": {
         "Twilio-Request-Id": {"$ref": "#/components/headers/Twilio-Request-Id"},
         "Twilio-Request-Duration": {"$ref": "#/components/headers/Twilio-Request-Duration"},
         "Twilio-Concurrent-Requests": {"$ref": "#/components/headers/Twilio-Concurrent-Requests"},
         "Operation-Id": {"$ref": "#/components/headers/Operation-Id"},
         "Location": {"$ref": "#/components/headers/Operation-Location"},
         "Retry-After": {"$ref": "#/components/headers/Operation-Retry-After"}
        },
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/OperationAccepted"}}},
        "links": {
         "Operation": {"operationId": "FetchOperationStatus", "parameters": {"Sid": "$response.header.Operation-Id"}},
         "Configuration": {"operationId": "FetchConfiguration", "parameters": {"Sid": "$response.body#/related/configurationId"}}
        }
       },
       "ConversationCreated": {
        "description": "The new conversation with its participants.",
        "headers": {
         "Twilio-Request-Id": {"$ref": "#/components/headers/Twilio-Request-Id"},
         "Twilio-Request-Duration": {"$ref": "#/components/headers/Twilio-Request-Duration"},
         "Twilio-Concurrent-Requests": {"$ref": "#/components/headers/Twilio-Concurrent-Requests"}
        },
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Conversation"}}},
        "links": {
         "Fetch": {"operationId": "FetchConversation", "parameters": {"Sid": "$response.body#/id"}},
         "Update": {"operationId": "UpdateConversationById", "parameters": {"Sid": "$response.body#/id"}},
         "Patch": {"operationId": "PatchConversationById", "parameters": {"Sid": "$response.body#/id"}},
         "AddParticipant": {"operationId": "CreateParticipantInConversation", "parameters": {"ConversationSid": "$response.body#/id"}},
         "ListParticipants": {"operationId": "ListParticipantByConversation", "parameters": {"ConversationSid": "$response.body#/id"}}
        }
       },
       "Conversation": {
        "description": "The conversation as it is now.",
        "headers": {
         "Twilio-Request-Id": {"$ref": "#/components/headers/Twilio-Request-Id"},
         "Twilio-Request-Duration": {"$ref": "#/components/headers/Twilio-Request-Duration"},
         "Twilio-Concurrent-Requests": {"$ref": "#/components/headers/Twilio-Concurrent-Requests"}
        },
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Conversation"}}}
       },
       "ParticipantCreated": {
        "description": "The new participant.",
        "headers": {
         "Twilio-Request-Id": {"$ref": "#/components/headers/Twilio-Request-Id"},
         "Twilio-Request-Duration": {"$ref": "#/components/headers/Twilio-Request-Duration"},
         "Twilio-Concurrent-Requests": {"$ref": "#/components/headers/Twilio-Concurrent-Requests"}
        },
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Participant"}}},
        "links": {
         "Fetch": {
          "operationId": "FetchParticipant",
          "parameters": {"ConversationSid": "$response.body#/conversationId", "Sid": "$response.body#/id"}
         },
         "Update": {
          "operationId": "UpdateParticipantInConversation",
          "parameters": {"ConversationSid": "$response.body#/conversationId", "Sid": "$response.body#/id"}
         }
        }
       },
       "Participant": {
        "description": "The participant as it is now.",
        "headers": {
         "Twilio-Request-Id": {"$ref": "#/components/headers/Twilio-Request-Id"},
         "Twilio-Request-Duration": {"$ref": "#/components/headers/Twilio-Request-Duration"},
         "Twilio-Concurrent-Requests": {"$ref": "#/components/headers/Twilio-Concurrent-Requests"}
        },
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Participant"}}}
       }
      },
      "schemas": {
       "AccountId": {"type": "string", "pattern": "^AC[0-9a-fA-F]{32}$", "example": "ACa3f1c09d5be84716920fd8e3b7c6a154"},
       "Address": {
        "type": "object",
        "description": "channelId is left out where there is none.",
        "required": ["channel", "address"],
        "properties": {
         "channel": {"$ref": "#/components/schemas/Channel"},
         "address": {"type": "string", "minLength": 1, "maxLength": 254, "description": "As it was given, without outer spaces."},
         "channelId": {"$ref": "#/components/schemas/ChannelResourceId"}
        },
        "example": {"channel": "VOICE", "address": "+12025550143", "channelId": "CA6b1f0e93d27c4a58b0e4f7d9a3c5128e"}
       },
       "AddressIn": {
        "oneOf": [
         {"$ref": "#/components/schemas/VoiceAddressIn"},
         {"$ref": "#/components/schemas/SmsAddressIn"},
         {"$ref": "#/components/schemas/RcsAddressIn"},
         {"$ref": "#/components/schemas/WhatsAppAddressIn"},
         {"$ref": "#/components/schemas/IdentityAddressIn"},
         {"$ref": "#/components/schemas/EmailAddressIn"}
        ],
        "description": "One address; its form depends on the channel. Spaces around it are dropped, prefixes may be in any case."
       },
       "Attempt": {
        "type": "object",
        "description": "One try to deliver an event. It has a status if there was an answer, and a failure if there was none.",
        "required": ["number", "startedAt", "milliseconds", "status", "failure", "reason", "reply", "nextAttemptAt"],
        "properties": {
         "number": {"type": "integer", "format": "int64", "minimum": 1, "description": "Counted over all times that the event was sent."},
         "startedAt": {"$ref": "#/components/schemas/Instant"},
         "milliseconds": {"type": "integer", "format": "int64", "minimum": 0, "description": "How long it took."},
         "status": {
          "type": "integer",
          "nullable": true,
          "minimum": 100,
          "maximum": 999,
          "description": "Of the answer; any 2xx is a success."
         },
         "failure": {"$ref": "#/components/schemas/AttemptFailure"},
         "reason": {
          "type": "string",
          "nullable": true,
          "maxLength": 200,
          "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$",
          "description": "The cause of the failure in a few words."
         },
         "reply": {
          "type": "string",
          "description": "The first 4 KiB of the answer's body, as far as they are UTF-8; of a private host's body, only its length."
         },
         "nextAttemptAt": {
          "type": "string",
          "nullable": true,
          "format": "date-time",
          "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{3})?Z$",
          "maxLength": 30,
          "description": "When the next try was due after this one; null if there was to be none."
         }
        },
        "example": {
         "number": 1,
         "startedAt": "2026-03-04T09:21:07.420Z",
         "milliseconds": 213,
         "status": 410,
         "failure": null,
         "reason": null,
         "reply": "gone",
         "nextAttemptAt": null
        }
       },
       "AttemptFailure": {
        "type": "string",
        "nullable": true,
        "enum": ["address_refused", "dns", "connect", "tls", "timeout", "reset", "invalid_reply", "backlog", "invalid", "url_too_long", \#
    "interrupted", "crashed", null],
        "description": "Why there was no answer: the address may not be called, the name was not found, no connection, no trust in the \#
    certificate, no answer in time, the connection ended before there was one, the answer is not HTTP, too many events wait for the URL, \#
    the URL can't be called, the URL is too long with the event in it, the server stopped, \#
    processes ended again and again while the event was being sent."
       },
       "CallbackUrlIn": {
        "type": "string",
        "maxLength": 2048,
        "pattern": "^[Hh][Tt][Tt][Pp][Ss]://([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?[.])+[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9](:([1-9]\#
    [0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?([/?][!-~]*)?$",
        "description": "An https URL with a public host. IPv6 and IPv4 literals and user info are taken too; the pattern shows host names."
       },
       "CallbackUrlName": {
        "type": "string",
        "minLength": 1,
        "maxLength": 2048,
        "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]+$",
        "description": "A callback URL as it was configured. It need not be one that could be configured now.",
        "example": "https://events.bikes.example/conversations"
       },
       "CaptureMetadataIn": {
        "type": "object",
        "nullable": true,
        "description": "What the traffic's own metadata must say as well.",
        "maxProperties": 20,
        "additionalProperties": {"type": "string", "nullable": true, "maxLength": 512},
        "x-key-pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]{1,128}$"
       },
       "CaptureRule": {
        "type": "object",
        "description": "Traffic that is captured: from one address, or * for any, to another.",
        "required": ["from", "to", "metadata"],
        "properties": {
         "from": {"type": "string"},
         "to": {"type": "string"},
         "metadata": {"type": "object", "additionalProperties": {"type": "string"}}
        }
       },
       "Channel": {"type": "string", "enum": ["VOICE", "SMS", "RCS", "WHATSAPP", "CHAT", "VIDEO", "EMAIL"]},
       "ChannelResourceId": {
        "type": "string",
        "minLength": 1,
        "maxLength": 256,
        "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]+$",
        "description": "The channel's own id for a call, a thread and the like. No control characters.",
        "example": "CA6b1f0e93d27c4a58b0e4f7d9a3c5128e"
       },
       "ChannelResourceIdIn": {
        "type": "string",
        "nullable": true,
        "minLength": 1,
        "maxLength": 256,
        "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]+$"
       },
       "ChannelSetting": {
        "type": "object",
        "properties": {
         "statusTimeouts": {"$ref": "#/components/schemas/StatusTimeouts"},
         "captureRules": {"type": "array", "maxItems": 100, "items": {"$ref": "#/components/schemas/CaptureRule"}}
        }
       },
       "ChannelSettings": {
        "type": "object",
        "description": "Settings by channel.",
        "properties": {
         "VOICE": {"$ref": "#/components/schemas/ChannelSetting"},
         "SMS": {"$ref": "#/components/schemas/ChannelSetting"},
         "RCS": {"$ref": "#/components/schemas/ChannelSetting"},
         "WHATSAPP": {"$ref": "#/components/schemas/ChannelSetting"},
         "CHAT": {"$ref": "#/components/schemas/ChannelSetting"},
         "VIDEO": {"$ref": "#/components/schemas/ChannelSetting"},
         "EMAIL": {"$ref": "#/components/schemas/ChannelSetting"}
        },
        "additionalProperties": false
       },
       "ChannelSettingsIn": {
        "type": "object",
        "nullable": true,
        "description": "Settings by channel; a null channel is one left out, another name is 400.",
        "properties": {
         "VOICE": {"$ref": "#/components/schemas/VoiceSettingIn"},
         "SMS": {"$ref": "#/components/schemas/SmsSettingIn"},
         "RCS": {"$ref": "#/components/schemas/RcsSettingIn"},
         "WHATSAPP": {"$ref": "#/components/schemas/WhatsAppSettingIn"},
         "CHAT": {"$ref": "#/components/schemas/IdentitySettingIn"},
         "VIDEO": {"$ref": "#/components/schemas/IdentitySettingIn"},
         "EMAIL": {"$ref": "#/components/schemas/EmailSettingIn"}
        },
        "additionalProperties": false
       },
       "Configuration": {
        "type": "object",
        "description": "How conversations are captured and grouped, and who is told of them.",
        "required": [
         "id",
         "version",
         "createdAt",
         "updatedAt",
         "displayName",
         "description",
         "conversationGroupingType",
         "memoryStoreId",
         "channelSettings",
         "statusCallbacks",
         "intelligenceConfigurationIds",
         "memoryExtractionEnabled"
        ],
        "properties": {
         "id": {"$ref": "#/components/schemas/ConfigurationId"},
         "version": {"type": "integer", "format": "int64", "minimum": 1, "description": "One more with each change."},
         "createdAt": {"$ref": "#/components/schemas/Timestamp"},
         "updatedAt": {"$ref": "#/components/schemas/Timestamp"},
         "displayName": {"type": "string", "minLength": 1, "maxLength": 32, "pattern": "^[A-Za-z0-9_ -]+$"},
         "description": {"type": "string", "maxLength": 512},
         "conversationGroupingType": {"$ref": "#/components/schemas/GroupingType"},
         "memoryStoreId": {"$ref": "#/components/schemas/MemoryStoreId"},
         "channelSettings": {"$ref": "#/components/schemas/ChannelSettings"},
         "statusCallbacks": {"type": "array", "maxItems": 20, "items": {"$ref": "#/components/schemas/StatusCallback"}},
         "intelligenceConfigurationIds": {"type": "array", "maxItems": 5, "items": {"$ref": "#/components/schemas/OpaqueId"}},
         "memoryExtractionEnabled": {"type": "boolean"},
         "conversationsV1Bridge": {"$ref": "#/components/schemas/ConversationsV1Bridge"}
        },
        "example": {
         "id": "conv_configuration_01kdq7k0p4gjm7s2c9xvhe5wtn",
         "version": 1,
         "createdAt": "2026-03-04T09:20:00Z",
         "updatedAt": "2026-03-04T09:20:00Z",
         "displayName": "Bike Works",
         "description": "Repairs and spare parts",
         "conversationGroupingType": "GROUP_BY_PARTICIPANT_ADDRESSES_AND_CHANNEL_TYPE",
         "memoryStoreId": "mem_store_01kdq7hw3c5y0m8rzk4xnbtg2s",
         "channelSettings": {
          "SMS": {
           "statusTimeouts": {"inactive": 15, "closed": 240},
           "captureRules": [{"from": "*", "to": "+12025550170", "metadata": {}}]
          }
         },
         "statusCallbacks": [{"url": "https://events.bikes.example/conversations", "method": "POST"}],
         "intelligenceConfigurationIds": [],
         "memoryExtractionEnabled": false
        }
       },
       "ConfigurationId": {
        "type": "string",
        "description": "Id of a configuration.",
        "pattern": "^conv_configuration_[0-7][0-9a-z]{25}$",
        "example": "conv_configuration_01kdq7k0p4gjm7s2c9xvhe5wtn"
       },
       "ConfigurationList": {
        "type": "object",
        "required": ["configurations", "meta"],
        "properties": {
         "configurations": {"type": "array", "items": {"$ref": "#/components/schemas/Configuration"}},
         "meta": {
          "allOf": [
           {"$ref": "#/components/schemas/PageMeta"},
           {"type": "object", "properties": {"key": {"type": "string", "enum": ["configurations"]}}}
          ]
         }
        }
       },
       "ConfigurationPatch": {
        "type": "object",
        "nullable": true,
        "description": "Any other setting of a configuration is refused here (400).",
        "properties": {
         "statusCallbacks": {
          "type": "array",
          "nullable": true,
          "maxItems": 20,
          "items": {"$ref": "#/components/schemas/StatusCallbackIn"},
          "description": "Replaces the conversation's own list; empty for none, null for the configuration's again."
         }
        }
       },
       "Conversation": {
        "type": "object",
        "description": "A thread of communications. Lists leave configuration and participants out; all other answers have them.",
        "required": ["id", "accountId", "configurationId", "status", "name", "metadata", "createdAt", "updatedAt"],
        "properties": {
         "id": {"$ref": "#/components/schemas/ConversationId"},
         "accountId": {"$ref": "#/components/schemas/AccountId"},
         "configurationId": {
          "type": "string",
          "nullable": true,
          "pattern": "^conv_configuration_[0-7][0-9a-z]{25}$",
          "description": "Null where all settings were given inline."
         },
         "status": {"$ref": "#/components/schemas/ConversationStatus"},
         "name": {"type": "string", "nullable": true, "maxLength": 256, "description": "Null where it has none."},
         "metadata": {"$ref": "#/components/schemas/Metadata"},
         "createdAt": {"$ref": "#/components/schemas/Timestamp"},
         "updatedAt": {"$ref": "#/components/schemas/Timestamp"},
         "configuration": {"$ref": "#/components/schemas/ConversationConfiguration"},
         "participants": {"type": "array", "maxItems": 100, "items": {"$ref": "#/components/schemas/Participant"}}
        },
        "example": {
         "id": "conv_conversation_01kdq7m2x9e6rvb4t0hsa8ncyw",
         "accountId": "ACa3f1c09d5be84716920fd8e3b7c6a154",
         "configurationId": "conv_configuration_01kdq7k0p4gjm7s2c9xvhe5wtn",
         "status": "ACTIVE",
         "name": "Flat tyre",
         "metadata": {"ticket.no": "4471"},
         "createdAt": "2026-03-04T09:21:07Z",
         "updatedAt": "2026-03-04T09:21:07Z"
        }
       },
       "ConversationConfiguration": {
        "type": "object",
        "description": "The settings in force for one conversation, as they were when it was made.",
        "properties": {
         "displayName": {"type": "string", "minLength": 1, "maxLength": 32, "pattern": "^[A-Za-z0-9_ -]+$"},
         "description": {"type": "string", "maxLength": 512},
         "conversationGroupingType": {"$ref": "#/components/schemas/GroupingType"},
         "memoryStoreId": {"$ref": "#/components/schemas/MemoryStoreId"},
         "channelSettings": {"$ref": "#/components/schemas/ChannelSettings"},
         "statusCallbacks": {"type": "array", "maxItems": 20, "items": {"$ref": "#/components/schemas/StatusCallback"}},
         "intelligenceConfigurationIds": {"type": "array", "maxItems": 5, "items": {"$ref": "#/components/schemas/OpaqueId"}},
         "memoryExtractionEnabled": {"type": "boolean"},
         "conversationsV1Bridge": {"$ref": "#/components/schemas/ConversationsV1Bridge"}
        }
       },
       "ConversationId": {
        "type": "string",
        "description": "Id of a conversation.",
        "pattern": "^conv_conversation_[0-7][0-9a-z]{25}$",
        "example": "conv_conversation_01kdq7m2x9e6rvb4t0hsa8ncyw"
       },
       "ConversationList": {
        "type": "object",
        "required": ["conversations", "meta"],
        "properties": {
         "conversations": {"type": "array", "items": {"$ref": "#/components/schemas/Conversation"}},
         "meta": {
          "allOf": [
           {"$ref": "#/components/schemas/PageMeta"},
           {"type": "object", "properties": {"key": {"type": "string", "enum": ["conversations"]}}}
          ]
         }
        }
       },
       "ConversationOfConfiguration": {
        "type": "object",
        "required": ["configurationId"],
        "properties": {
         "configurationId": {"$ref": "#/components/schemas/ConfigurationId"},
         "name": {"type": "string", "nullable": true, "maxLength": 256},
         "configuration": {"$ref": "#/components/schemas/InlineConfiguration"},
         "participants": {
          "type": "array",
          "nullable": true,
          "maxItems": 50,
          "items": {"$ref": "#/components/schemas/InlineParticipant"}
         },
         "metadata": {
          "type": "object",
          "nullable": true,
          "maxProperties": 8,
          "additionalProperties": {"type": "string", "nullable": true, "maxLength": 512},
          "x-key-pattern": "^[A-Za-z0-9._-]{1,128}$"
         }
        },
        "example": {
         "configurationId": "conv_configuration_01kdq7k0p4gjm7s2c9xvhe5wtn",
         "name": "Flat tyre",
         "metadata": {"ticket.no": "4471"},
         "participants": [
          {"name": "Ada", "type": "CUSTOMER", "addresses": [{"channel": "SMS", "address": "+12025550143"}]},
          {"type": "AI_AGENT", "addresses": [{"channel": "SMS", "address": "+12025550170"}]}
         ]
        }
       },
       "ConversationOfOwnSettings": {
        "type": "object",
        "description": "Grouped with others of the same memory store and grouping type.",
        "required": ["configuration"],
        "properties": {
         "configurationId": {"type": "string", "nullable": true, "enum": [null]},
         "name": {"type": "string", "nullable": true, "maxLength": 256},
         "configuration": {"$ref": "#/components/schemas/OwnConfiguration"},
         "participants": {
          "type": "array",
          "nullable": true,
          "maxItems": 50,
          "items": {"$ref": "#/components/schemas/InlineParticipant"}
         },
         "metadata": {
          "type": "object",
          "nullable": true,
          "maxProperties": 8,
          "additionalProperties": {"type": "string", "nullable": true, "maxLength": 512},
          "x-key-pattern": "^[A-Za-z0-9._-]{1,128}$"
         }
        },
        "example": {
         "configuration": {
          "conversationGroupingType": "GROUP_BY_PARTICIPANT_ADDRESSES",
          "memoryStoreId": "mem_store_01kdq7hw3c5y0m8rzk4xnbtg2s"
         }
        }
       },
       "ConversationStatus": {"type": "string", "enum": ["ACTIVE", "INACTIVE", "CLOSED"], "description": "CLOSED is final."},
       "ConversationStatusIn": {"type": "string", "nullable": true, "enum": ["ACTIVE", "INACTIVE", "CLOSED", null]},
       "ConversationsV1Bridge": {
        "type": "object",
        "description": "Service of the older API that the configuration stands for; no two configurations of an account share one.",
        "required": ["serviceId"],
        "properties": {"serviceId": {"type": "string", "pattern": "^IS[0-9a-f]{32}$"}},
        "example": {"serviceId": "IS5e9c1a70b3d84f26a1f7c0d2e6b83945"}
       },
       "ConversationsV1BridgeIn": {
        "type": "object",
        "nullable": true,
        "required": ["serviceId"],
        "properties": {"serviceId": {"type": "string", "pattern": "^IS[0-9a-f]{32}$"}}
       },
       "CreateConfigurationRequest": {
        "type": "object",
        "required": ["displayName", "description", "conversationGroupingType", "memoryStoreId"],
        "properties": {
         "displayName": {"type": "string", "minLength": 1, "maxLength": 32, "pattern": "^[A-Za-z0-9_ -]+$"},
         "description": {"type": "string", "maxLength": 512},
         "conversationGroupingType": {"$ref": "#/components/schemas/GroupingType"},
         "memoryStoreId": {"$ref": "#/components/schemas/MemoryStoreId"},
         "channelSettings": {"$ref": "#/components/schemas/ChannelSettingsIn"},
         "statusCallbacks": {"$ref": "#/components/schemas/StatusCallbacksIn"},
         "intelligenceConfigurationIds": {"$ref": "#/components/schemas/IntelligenceConfigurationIdsIn"},
         "memoryExtractionEnabled": {"type": "boolean", "nullable": true, "default": false},
         "conversationsV1Bridge": {"$ref": "#/components/schemas/ConversationsV1BridgeIn"}
        },
        "example": {
         "displayName": "Bike Works",
         "description": "Repairs and spare parts",
         "conversationGroupingType": "GROUP_BY_PARTICIPANT_ADDRESSES_AND_CHANNEL_TYPE",
         "memoryStoreId": "mem_store_01kdq7hw3c5y0m8rzk4xnbtg2s",
         "channelSettings": {
          "SMS": {
           "statusTimeouts": {"inactive": 15, "closed": 240},
           "captureRules": [{"from": "*", "to": "+12025550170", "metadata": {}}]
          }
         },
         "statusCallbacks": [{"url": "https://events.bikes.example/conversations"}]
        }
       },
       "CreateConversationRequest": {
        "description": "Names a configuration, or brings settings of its own. `action` is refused (400).",
        "anyOf": [
         {"$ref": "#/components/schemas/ConversationOfConfiguration"},
         {"$ref": "#/components/schemas/ConversationOfOwnSettings"}
        ]
       },
       "CreateListenerRequest": {
        "type": "object",
        "required": ["url"],
        "properties": {
         "url": {"$ref": "#/components/schemas/CallbackUrlIn"},
         "expiresInSeconds": {
          "type": "integer",
          "nullable": true,
          "minimum": 10,
          "maximum": 3600,
          "default": 60,
          "description": "How long it lives."
         }
        },
        "example": {"url": "https://listener.bikes.example/events", "expiresInSeconds": 120}
       },
       "CreateParticipantRequest": {
        "type": "object",
        "description": "addresses may be empty; the type is UNKNOWN where it is left out. No address twice with the same channelId.",
        "required": ["addresses"],
        "properties": {
         "name": {"type": "string", "nullable": true, "maxLength": 256},
         "type": {"$ref": "#/components/schemas/ParticipantTypeIn"},
         "profileId": {"$ref": "#/components/schemas/ProfileIdIn"},
         "addresses": {"type": "array", "maxItems": 50, "uniqueItems": true, "items": {"$ref": "#/components/schemas/AddressIn"}}
        },
        "example": {"name": "Ada", "type": "CUSTOMER", "addresses": [{"channel": "SMS", "address": "+12025550143"}]}
       },
       "CreatePauseRequest": {
        "type": "object",
        "required": ["url"],
        "properties": {"url": {"$ref": "#/components/schemas/CallbackUrlName"}},
        "example": {"url": "https://events.bikes.example/conversations"}
       },
       "Delivery": {
        "type": "object",
        "description": "One event on its way to one callback, and what became of it.",
        "required": [
         "id",
         "conversationId",
         "eventType",
         "url",
         "method",
         "state",
         "paused",
         "idempotencyToken",
         "requestId",
         "attemptCount",
         "createdAt",
         "finishedAt",
         "nextAttemptAt"
        ],
        "properties": {
         "id": {"$ref": "#/components/schemas/DeliveryId"},
         "conversationId": {"$ref": "#/components/schemas/ConversationId"},
         "eventType": {"$ref": "#/components/schemas/EventType"},
         "url": {"type": "string", "maxLength": 2048, "description": "As it was configured."},
         "method": {"type": "string", "enum": ["POST", "GET"]},
         "state": {"$ref": "#/components/schemas/DeliveryState"},
         "paused": {"type": "boolean", "description": "Whether its URL is paused."},
         "idempotencyToken": {
          "type": "string",
          "format": "uuid",
          "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
          "description": "The same in each try, so that a receiver knows what it has seen."
         },
         "requestId": {"type": "string", "pattern": "^RQ[0-9a-f]{32}$", "description": "The request that caused the event."},
         "attemptCount": {"type": "integer", "format": "int64", "minimum": 0},
         "createdAt": {"$ref": "#/components/schemas/Instant"},
         "finishedAt": {
          "type": "string",
          "nullable": true,
          "format": "date-time",
          "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{3})?Z$",
          "maxLength": 30,
          "description": "When it was delivered or given up; null before that."
         },
         "nextAttemptAt": {
          "type": "string",
          "nullable": true,
          "format": "date-time",
          "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{3})?Z$",
          "maxLength": 30,
          "description": "When the next try is due; null if none is planned or it waits for its turn."
         }
        },
        "example": {
         "id": "parley_delivery_01kdq7n2r4c8w6mzt9s1evhbxk",
         "conversationId": "conv_conversation_01kdq7m2x9e6rvb4t0hsa8ncyw",
         "eventType": "PARTICIPANT_ADDED",
         "url": "https://events.bikes.example/conversations",
         "method": "POST",
         "state": "FAILED",
         "paused": false,
         "idempotencyToken": "2f1c8d04-6b3e-4a97-8d50-c9e7f1a2b364",
         "requestId": "RQ7d0e4b2f9a6c4815b3e1f8d27c5a9064",
         "attemptCount": 1,
         "createdAt": "2026-03-04T09:21:07.412Z",
         "finishedAt": "2026-03-04T09:21:07.633Z",
         "nextAttemptAt": null
        }
       },
       "DeliveryId": {
        "type": "string",
        "description": "Id of a delivery.",
        "pattern": "^parley_delivery_[0-7][0-9a-z]{25}$",
        "example": "parley_delivery_01kdq7n2r4c8w6mzt9s1evhbxk"
       },
       "DeliveryList": {
        "type": "object",
        "required": ["deliveries", "meta"],
        "properties": {
         "deliveries": {"type": "array", "items": {"$ref": "#/components/schemas/Delivery"}},
         "meta": {
          "allOf": [
           {"$ref": "#/components/schemas/PageMeta"},
           {"type": "object", "properties": {"key": {"type": "string", "enum": ["deliveries"]}}}
          ]
         }
        }
       },
       "DeliveryState": {
        "type": "string",
        "enum": ["PENDING", "DELIVERED", "FAILED"],
        "description": "PENDING waits or is being sent; FAILED was given up, and can be sent again."
       },
       "DeliveryWithAttempts": {
        "allOf": [
         {"$ref": "#/components/schemas/Delivery"},
         {
          "type": "object",
          "required": ["event", "attempts"],
          "properties": {
           "event": {"$ref": "#/components/schemas/Event"},
           "attempts": {"type": "array", "items": {"$ref": "#/components/schemas/Attempt"}, "description": "The first one first."}
          }
         }
        ]
       },
       "EmailAddressIn": {
        "type": "object",
        "description": "One @ with something on both sides.",
        "required": ["channel", "address"],
        "properties": {
         "channel": {"type": "string", "enum": ["EMAIL"]},
         "address": {
          "type": "string",
          "minLength": 1,
          "maxLength": 254,
          "pattern": "^[^@\\u0000-\\u001f\\u007f-\\u009f]*[^@\\u0000-\\u001f\\u007f-\\u009f ][^@\\u0000-\\u001f\\u007f-\\u009f]*@\#
    [^@\\u0000-\\u001f\\u007f-\\u009f]*[^@\\u0000-\\u001f\\u007f-\\u009f ][^@\\u0000-\\u001f\\u007f-\\u009f]*$"
         },
         "channelId": {"$ref": "#/components/schemas/ChannelResourceIdIn"}
        },
        "example": {"channel": "EMAIL", "address": "ada@bikes.example"}
       },
       "EmailCaptureRuleIn": {
        "type": "object",
        "description": "Each side is * alone or an address without *. One @ with something on both sides.",
        "required": ["from", "to"],
        "properties": {
         "from": {
          "type": "string",
          "minLength": 1,
          "maxLength": 254,
          "pattern": "^([*]|[^@*\\u0000-\\u001f\\u007f-\\u009f]*[^@*\\u0000-\\u001f\\u007f-\\u009f ]\#
    [^@*\\u0000-\\u001f\\u007f-\\u009f]*@[^@*\\u0000-\\u001f\\u007f-\\u009f]*[^@*\\u0000-\\u001f\\u007f-\\u009f \#
    ][^@*\\u0000-\\u001f\\u007f-\\u009f]*)$"
         },
         "to": {
          "type": "string",
          "minLength": 1,
          "maxLength": 254,
          "pattern": "^([*]|[^@*\\u0000-\\u001f\\u007f-\\u009f]*[^@*\\u0000-\\u001f\\u007f-\\u009f ]\#
    [^@*\\u0000-\\u001f\\u007f-\\u009f]*@[^@*\\u0000-\\u001f\\u007f-\\u009f]*[^@*\\u0000-\\u001f\\u007f-\\u009f \#
    ][^@*\\u0000-\\u001f\\u007f-\\u009f]*)$"
         },
         "metadata": {"$ref": "#/components/schemas/CaptureMetadataIn"}
        },
        "example": {"from": "*", "to": "ada@bikes.example"}
       },
       "EmailSettingIn": {
        "type": "object",
        "nullable": true,
        "properties": {
         "statusTimeouts": {"$ref": "#/components/schemas/StatusTimeoutsIn"},
         "captureRules": {
          "type": "array",
          "nullable": true,
          "maxItems": 100,
          "items": {"$ref": "#/components/schemas/EmailCaptureRuleIn"}
         }
        }
       },
       "Error": {
        "type": "object",
        "description": "The body of every answer from 400 on.",
        "required": ["code", "message", "more_info", "status"],
        "properties": {
         "code": {"type": "integer", "format": "int32", "description": "Number of the kind of error."},
         "message": {"type": "string", "description": "What is wrong, with the path of the first problem in front."},
         "more_info": {"type": "string", "format": "uri", "description": "A page on errors of this kind."},
         "status": {
          "type": "integer",
          "format": "int32",
          "minimum": 400,
          "maximum": 599,
          "description": "The HTTP status again."
         },
         "details": {
          "type": "object",
          "description": "Only on a 400 for what the request says: everything that is wrong with it, in the order of the fields.",
          "required": ["problems"],
          "properties": {
           "problems": {"type": "array", "minItems": 1, "maxItems": 100, "items": {"$ref": "#/components/schemas/Problem"}}
          }
         }
        }
       },
       "Event": {
        "type": "object",
        "description": "What a callback is told.",
        "required": ["eventType", "timestamp", "data"],
        "properties": {
         "eventType": {"$ref": "#/components/schemas/EventType"},
         "timestamp": {"$ref": "#/components/schemas/Instant"},
         "data": {
          "type": "object",
          "description": "The conversation, as it stands in lists, or the participant: as it was right after the change."
         }
        }
       },
       "EventType": {
        "type": "string",
        "enum": [
         "CONVERSATION_CREATED",
         "CONVERSATION_UPDATED",
         "PARTICIPANT_ADDED",
         "PARTICIPANT_UPDATED",
         "PARTICIPANT_REMOVED",
         "COMMUNICATION_CREATED",
         "COMMUNICATION_UPDATED"
        ]
       },
       "GroupingType": {
        "type": "string",
        "enum": ["GROUP_BY_PROFILE", "GROUP_BY_PARTICIPANT_ADDRESSES", "GROUP_BY_PARTICIPANT_ADDRESSES_AND_CHANNEL_TYPE"],
        "description": "What makes traffic one conversation: the profile, the addresses on any channel, or the addresses on one channel."
       },
       "GroupingTypeIn": {
        "type": "string",
        "nullable": true,
        "enum": [
         "GROUP_BY_PROFILE",
         "GROUP_BY_PARTICIPANT_ADDRESSES",
         "GROUP_BY_PARTICIPANT_ADDRESSES_AND_CHANNEL_TYPE",
         null
        ]
       },
       "Health": {
        "type": "object",
        "required": ["status"],
        "properties": {"status": {"type": "string", "enum": ["ok"]}},
        "example": {"status": "ok"}
       },
       "IdentityAddressIn": {
        "type": "object",
        "description": "Any identity.",
        "required": ["channel", "address"],
        "properties": {
         "channel": {"type": "string", "enum": ["CHAT", "VIDEO"]},
         "address": {
          "type": "string",
          "minLength": 1,
          "maxLength": 254,
          "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*[^\\u0000-\\u001f\\u007f-\\u009f ][^\\u0000-\\u001f\\u007f-\\u009f]*$"
         },
         "channelId": {"$ref": "#/components/schemas/ChannelResourceIdIn"}
        },
        "example": {"channel": "CHAT", "address": "visitor-5081"}
       },
       "IdentityCaptureRuleIn": {
        "type": "object",
        "description": "Each side is * alone or an address without *. Any identity.",
        "required": ["from", "to"],
        "properties": {
         "from": {
          "type": "string",
          "minLength": 1,
          "maxLength": 254,
          "pattern": "^([*]|[^*\\u0000-\\u001f\\u007f-\\u009f]*[^*\\u0000-\\u001f\\u007f-\\u009f ][^*\\u0000-\\u001f\\u007f-\\u009f]*)$"
         },
         "to": {
          "type": "string",
          "minLength": 1,
          "maxLength": 254,
          "pattern": "^([*]|[^*\\u0000-\\u001f\\u007f-\\u009f]*[^*\\u0000-\\u001f\\u007f-\\u009f ][^*\\u0000-\\u001f\\u007f-\\u009f]*)$"
         },
         "metadata": {"$ref": "#/components/schemas/CaptureMetadataIn"}
        },
        "example": {"from": "*", "to": "visitor-5081"}
       },
       "IdentitySettingIn": {
        "type": "object",
        "nullable": true,
        "properties": {
         "statusTimeouts": {"$ref": "#/components/schemas/StatusTimeoutsIn"},
         "captureRules": {
          "type": "array",
          "nullable": true,
          "maxItems": 100,
          "items": {"$ref": "#/components/schemas/IdentityCaptureRuleIn"}
         }
        }
       },
       "InlineConfiguration": {
        "type": "object",
        "nullable": true,
        "properties": {
         "intelligenceConfigurationIds": {"$ref": "#/components/schemas/IntelligenceConfigurationIdsIn"},
         "conversationGroupingType": {"$ref": "#/components/schemas/GroupingTypeIn"},
         "memoryStoreId": {"$ref": "#/components/schemas/MemoryStoreIdIn"},
         "channelSettings": {"$ref": "#/components/schemas/ChannelSettingsIn"},
         "memoryExtractionEnabled": {"type": "boolean", "nullable": true},
         "traitExtractionStrategyIds": {"$ref": "#/components/schemas/StrategyIdsIn"},
         "observationExtractionStrategyIds": {"$ref": "#/components/schemas/StrategyIdsIn"},
         "statusCallbacks": {"$ref": "#/components/schemas/StatusCallbacksIn"},
         "workflows": {"type": "array", "nullable": true, "maxItems": 5, "items": {"$ref": "#/components/schemas/WorkflowIn"}}
        },
        "description": "Settings of this conversation alone. Beside a configurationId, grouping type and memory store must be the \#
    configuration's."
       },
       "InlineParticipant": {
        "type": "object",
        "description": "A participant made together with its conversation. No two of them may have the same address.",
        "properties": {
         "name": {"type": "string", "nullable": true, "maxLength": 256},
         "type": {"$ref": "#/components/schemas/ParticipantTypeIn"},
         "profileId": {"$ref": "#/components/schemas/ProfileIdIn"},
         "addresses": {
          "type": "array",
          "nullable": true,
          "maxItems": 50,
          "uniqueItems": true,
          "items": {"$ref": "#/components/schemas/AddressIn"}
         }
        }
       },
       "Instant": {
        "type": "string",
        "format": "date-time",
        "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{3})?Z$",
        "maxLength": 30,
        "description": "UTC with milliseconds, which are left out where they are zero.",
        "example": "2026-03-04T09:21:07.412Z"
       },
       "InstantIn": {
        "type": "string",
        "format": "date-time",
        "description": "RFC 3339 with any offset. Digits beyond milliseconds are cut off.",
        "example": "2026-03-04T09:00:00Z"
       },
       "InstantOrNullIn": {"type": "string", "nullable": true, "format": "date-time", "description": "RFC 3339 with any offset."},
       "IntelligenceConfigurationIdsIn": {
        "type": "array",
        "nullable": true,
        "maxItems": 5,
        "items": {"$ref": "#/components/schemas/OpaqueId"}
       },
       "Listener": {
        "type": "object",
        "description": "A URL that is told all events of the account until it expires.",
        "required": ["id", "url", "createdAt", "expiresAt"],
        "properties": {
         "id": {"$ref": "#/components/schemas/ListenerId"},
         "url": {"type": "string", "maxLength": 2048},
         "createdAt": {"$ref": "#/components/schemas/Instant"},
         "expiresAt": {"$ref": "#/components/schemas/Instant"}
        },
        "example": {
         "id": "parley_listener_01kdq7p0c5x3h8vwa2mrtyz6ne",
         "url": "https://listener.bikes.example/events",
         "createdAt": "2026-03-04T09:30:00Z",
         "expiresAt": "2026-03-04T09:32:00Z"
        }
       },
       "ListenerId": {
        "type": "string",
        "description": "Id of a listener.",
        "pattern": "^parley_listener_[0-7][0-9a-z]{25}$",
        "example": "parley_listener_01kdq7p0c5x3h8vwa2mrtyz6ne"
       },
       "ListenerList": {
        "type": "object",
        "required": ["listeners", "meta"],
        "properties": {
         "listeners": {"type": "array", "items": {"$ref": "#/components/schemas/Listener"}},
         "meta": {
          "allOf": [
           {"$ref": "#/components/schemas/PageMeta"},
           {"type": "object", "properties": {"key": {"type": "string", "enum": ["listeners"]}}}
          ]
         }
        }
       },
       "MemoryStoreId": {
        "type": "string",
        "pattern": "^mem_(store|service)_[0-7][0-9a-z]{25}$",
        "example": "mem_store_01kdq7hw3c5y0m8rzk4xnbtg2s",
        "description": "Id of a memory store. Whether the store exists is not checked."
       },
       "MemoryStoreIdIn": {"type": "string", "nullable": true, "pattern": "^mem_(store|service)_[0-7][0-9a-z]{25}$"},
       "Metadata": {
        "type": "object",
        "description": "The client's own notes. x-key-pattern is what a name must match.",
        "maxProperties": 8,
        "additionalProperties": {"type": "string", "maxLength": 512},
        "x-key-pattern": "^[A-Za-z0-9._-]{1,128}$"
       },
       "OpaqueId": {
        "type": "string",
        "minLength": 1,
        "maxLength": 256,
        "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]+$",
        "description": "Id of something kept elsewhere: stored and given back, never looked up."
       },
       "Operation": {
        "type": "object",
        "required": ["operationId", "status", "createdAt", "statusUrl", "related", "error"],
        "properties": {
         "operationId": {"$ref": "#/components/schemas/OperationId"},
         "status": {"type": "string", "enum": ["PENDING", "COMPLETED", "FAILED"]},
         "createdAt": {"$ref": "#/components/schemas/Timestamp"},
         "completedAt": {
          "type": "string",
          "nullable": true,
          "format": "date-time",
          "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$",
          "maxLength": 30,
          "description": "Null or left out while the work goes on."
         },
         "statusUrl": {"type": "string", "format": "uri"},
         "related": {
          "type": "object",
          "description": "What the operation is about.",
          "required": ["configurationId"],
          "properties": {"configurationId": {"$ref": "#/components/schemas/ConfigurationId"}}
         },
         "error": {"$ref": "#/components/schemas/ProblemDocument"}
        },
        "example": {
         "operationId": "proc_job_01kdq7k0p5a8bn3r6tzywfx2eh",
         "status": "COMPLETED",
         "createdAt": "2026-03-04T09:20:00Z",
         "completedAt": "2026-03-04T09:20:00Z",
         "statusUrl": "http://127.0.0.1:8080/v2/ControlPlane/Operations/proc_job_01kdq7k0p5a8bn3r6tzywfx2eh",
         "related": {"configurationId": "conv_configuration_01kdq7k0p4gjm7s2c9xvhe5wtn"},
         "error": null
        }
       },
       "OperationAccepted": {
        "type": "object",
        "required": ["statusUrl", "related"],
        "properties": {
         "statusUrl": {"type": "string", "format": "uri"},
         "related": {
          "type": "object",
          "description": "What the operation is about.",
          "required": ["configurationId"],
          "properties": {"configurationId": {"$ref": "#/components/schemas/ConfigurationId"}}
         }
        },
        "example": {
         "statusUrl": "http://127.0.0.1:8080/v2/ControlPlane/Operations/proc_job_01kdq7k0p5a8bn3r6tzywfx2eh",
         "related": {"configurationId": "conv_configuration_01kdq7k0p4gjm7s2c9xvhe5wtn"}
        }
       },
       "OperationId": {
        "type": "string",
        "description": "Id of an operation.",
        "pattern": "^proc_job_[0-7][0-9a-z]{25}$",
        "example": "proc_job_01kdq7k0p5a8bn3r6tzywfx2eh"
       },
       "OwnConfiguration": {
        "type": "object",
        "description": "All settings of a conversation without a configuration.",
        "required": ["conversationGroupingType", "memoryStoreId"],
        "properties": {
         "intelligenceConfigurationIds": {"$ref": "#/components/schemas/IntelligenceConfigurationIdsIn"},
         "conversationGroupingType": {"$ref": "#/components/schemas/GroupingType"},
         "memoryStoreId": {"$ref": "#/components/schemas/MemoryStoreId"},
         "channelSettings": {"$ref": "#/components/schemas/ChannelSettingsIn"},
         "memoryExtractionEnabled": {"type": "boolean", "nullable": true},
         "traitExtractionStrategyIds": {"$ref": "#/components/schemas/StrategyIdsIn"},
         "observationExtractionStrategyIds": {"$ref": "#/components/schemas/StrategyIdsIn"},
         "statusCallbacks": {"$ref": "#/components/schemas/StatusCallbacksIn"},
         "workflows": {"type": "array", "nullable": true, "maxItems": 5, "items": {"$ref": "#/components/schemas/WorkflowIn"}}
        }
       },
       "PageMeta": {
        "type": "object",
        "required": ["key", "pageSize"],
        "properties": {
         "key": {"type": "string", "description": "The member beside meta that holds the items."},
         "pageSize": {"type": "integer", "minimum": 0, "maximum": 1000, "description": "How many items this page has."},
         "nextToken": {"type": "string", "minLength": 1, "description": "Only where another item follows."},
         "previousToken": {
          "type": "string",
          "minLength": 1,
          "description": "Only on a page reached by a token, where an item comes before."
         }
        },
        "example": {"key": "participants", "pageSize": 20, "nextToken": "b3BhcXVlLXRva2Vu"}
       },
       "Participant": {
        "type": "object",
        "description": "Somebody, or something, that takes part in a conversation. profileId is left out where there is none.",
        "required": ["id", "conversationId", "accountId", "name", "type", "addresses", "createdAt", "updatedAt"],
        "properties": {
         "id": {"$ref": "#/components/schemas/ParticipantId"},
         "conversationId": {"$ref": "#/components/schemas/ConversationId"},
         "accountId": {"$ref": "#/components/schemas/AccountId"},
         "name": {
          "type": "string",
          "maxLength": 256,
          "description": "Never null. Where none was given: the first address, or the type if there is no address."
         },
         "type": {"$ref": "#/components/schemas/ParticipantType"},
         "profileId": {"$ref": "#/components/schemas/ProfileId"},
         "addresses": {"type": "array", "maxItems": 50, "items": {"$ref": "#/components/schemas/Address"}},
         "createdAt": {"$ref": "#/components/schemas/Timestamp"},
         "updatedAt": {"$ref": "#/components/schemas/Timestamp"}
        },
        "example": {
         "id": "conv_participant_01kdq7m3a1f2k9w5z8b6dytrxq",
         "conversationId": "conv_conversation_01kdq7m2x9e6rvb4t0hsa8ncyw",
         "accountId": "ACa3f1c09d5be84716920fd8e3b7c6a154",
         "name": "Ada",
         "type": "CUSTOMER",
         "profileId": "mem_profile_01kdq7n8d2v6e1wpt7gk9rscaz",
         "addresses": [{"channel": "SMS", "address": "+12025550143"}],
         "createdAt": "2026-03-04T09:21:07Z",
         "updatedAt": "2026-03-04T09:21:07Z"
        }
       },
       "ParticipantId": {
        "type": "string",
        "description": "Id of a participant.",
        "pattern": "^conv_participant_[0-7][0-9a-z]{25}$",
        "example": "conv_participant_01kdq7m3a1f2k9w5z8b6dytrxq"
       },
       "ParticipantList": {
        "type": "object",
        "required": ["participants", "meta"],
        "properties": {
         "participants": {"type": "array", "items": {"$ref": "#/components/schemas/Participant"}},
         "meta": {
          "allOf": [
           {"$ref": "#/components/schemas/PageMeta"},
           {"type": "object", "properties": {"key": {"type": "string", "enum": ["participants"]}}}
          ]
         }
        }
       },
       "ParticipantType": {
        "type": "string",
        "enum": ["HUMAN_AGENT", "CUSTOMER", "AI_AGENT", "AGENT", "UNKNOWN"],
        "description": "The person served, an agent (human, machine, or not said which), or not known."
       },
       "ParticipantTypeIn": {
        "type": "string",
        "nullable": true,
        "enum": ["HUMAN_AGENT", "CUSTOMER", "AI_AGENT", "AGENT", "UNKNOWN", null]
       },
       "PatchConversationRequest": {
        "type": "object",
        "properties": {
         "name": {"type": "string", "nullable": true, "maxLength": 256, "description": "Null takes the name away."},
         "status": {"$ref": "#/components/schemas/ConversationStatusIn"},
         "configuration": {"$ref": "#/components/schemas/ConfigurationPatch"},
         "metadata": {
          "type": "object",
          "nullable": true,
          "description": "Merged into what is there: null removes an entry. At most 8 may be left in the end.",
          "additionalProperties": {"type": "string", "nullable": true, "maxLength": 512},
          "x-key-pattern": "^[A-Za-z0-9._-]{1,128}$"
         }
        },
        "example": {"name": null, "metadata": {"ticket.no": "4472"}}
       },
       "Pause": {
        "type": "object",
        "description": "While it is there, nothing is sent to its URL.",
        "required": ["id", "url", "createdAt"],
        "properties": {
         "id": {"$ref": "#/components/schemas/PauseId"},
         "url": {"type": "string", "maxLength": 2048},
         "createdAt": {"$ref": "#/components/schemas/Instant"}
        },
        "example": {
         "id": "parley_pause_01kdq7q8f1k6j4dbt0xs9wzm3v",
         "url": "https://events.bikes.example/conversations",
         "createdAt": "2026-03-04T09:40:00.051Z"
        }
       },
       "PauseId": {
        "type": "string",
        "description": "Id of a pause.",
        "pattern": "^parley_pause_[0-7][0-9a-z]{25}$",
        "example": "parley_pause_01kdq7q8f1k6j4dbt0xs9wzm3v"
       },
       "PauseList": {
        "type": "object",
        "required": ["pauses", "meta"],
        "properties": {
         "pauses": {"type": "array", "items": {"$ref": "#/components/schemas/Pause"}},
         "meta": {
          "allOf": [
           {"$ref": "#/components/schemas/PageMeta"},
           {"type": "object", "properties": {"key": {"type": "string", "enum": ["pauses"]}}}
          ]
         }
        }
       },
       "Problem": {
        "type": "object",
        "required": ["path", "message"],
        "properties": {
         "path": {
          "type": "string",
          "description": "Where, such as participants[0].addresses[1].channel; empty for the whole body."
         },
         "message": {"type": "string"}
        },
        "example": {"path": "addresses[1].address", "message": "must have at most 254 characters"}
       },
       "ProblemDocument": {
        "type": "object",
        "nullable": true,
        "description": "Why an operation FAILED, in the form of RFC 9457; null in all others.",
        "required": ["type", "title", "status", "detail"],
        "properties": {
         "type": {"type": "string", "format": "uri"},
         "title": {"type": "string"},
         "status": {"type": "integer"},
         "detail": {"type": "string"},
         "instance": {"type": "string", "format": "uri"}
        }
       },
       "ProfileId": {
        "type": "string",
        "pattern": "^mem_profile_[0-7][0-9a-z]{25}$",
        "example": "mem_profile_01kdq7n8d2v6e1wpt7gk9rscaz",
        "description": "Id of a customer's profile. Whether the profile exists is not checked."
       },
       "ProfileIdIn": {"type": "string", "nullable": true, "pattern": "^mem_profile_[0-7][0-9a-z]{25}$"},
       "RcsAddressIn": {
        "type": "object",
        "description": "`rcs:` and a sender id, or E.164 with or without `rcs:`.",
        "required": ["channel", "address"],
        "properties": {
         "channel": {"type": "string", "enum": ["RCS"]},
         "address": {
          "type": "string",
          "minLength": 1,
          "maxLength": 254,
          "pattern": "^([Rr][Cc][Ss]:[A-Za-z0-9._-]+|([Rr][Cc][Ss]:)?\\+[1-9][0-9]{1,14})$"
         },
         "channelId": {"$ref": "#/components/schemas/ChannelResourceIdIn"}
        },
        "example": {"channel": "RCS", "address": "rcs:bike_works"}
       },
       "RcsCaptureRuleIn": {
        "type": "object",
        "description": "Each side is * alone or an address without *. `rcs:` and a sender id, or E.164 with or without `rcs:`.",
        "required": ["from", "to"],
        "properties": {
         "from": {
          "type": "string",
          "minLength": 1,
          "maxLength": 254,
          "pattern": "^([*]|([Rr][Cc][Ss]:[A-Za-z0-9._-]+|([Rr][Cc][Ss]:)?\\+[1-9][0-9]{1,14}))$"
         },
         "to": {
          "type": "string",
          "minLength": 1,
          "maxLength": 254,
          "pattern": "^([*]|([Rr][Cc][Ss]:[A-Za-z0-9._-]+|([Rr][Cc][Ss]:)?\\+[1-9][0-9]{1,14}))$"
         },
         "metadata": {"$ref": "#/components/schemas/CaptureMetadataIn"}
        },
        "example": {"from": "*", "to": "rcs:bike_works"}
       },
       "RcsSettingIn": {
        "type": "object",
        "nullable": true,
        "properties": {
         "statusTimeouts": {"$ref": "#/components/schemas/StatusTimeoutsIn"},
         "captureRules": {
          "type": "array",
          "nullable": true,
          "maxItems": 100,
          "items": {"$ref": "#/components/schemas/RcsCaptureRuleIn"}
         }
        }
       },
       "Readiness": {
        "type": "object",
        "required": ["status"],
        "properties": {"status": {"type": "string", "enum": ["ready"]}},
        "example": {"status": "ready"}
       },
       "RenewListenerRequest": {
        "type": "object",
        "properties": {
         "expiresInSeconds": {
          "type": "integer",
          "nullable": true,
          "minimum": 10,
          "maximum": 3600,
          "default": 60,
          "description": "How long it lives from now on."
         }
        },
        "example": {"expiresInSeconds": 120}
       },
       "ResendRequest": {
        "type": "object",
        "required": ["url"],
        "properties": {
         "url": {"$ref": "#/components/schemas/CallbackUrlName"},
         "createdAfter": {"$ref": "#/components/schemas/InstantOrNullIn"},
         "createdBefore": {"$ref": "#/components/schemas/InstantOrNullIn"}
        },
        "description": "createdAfter takes deliveries from that instant on, createdBefore those before it.",
        "example": {"url": "https://events.bikes.example/conversations", "createdAfter": "2026-03-04T00:00:00Z"}
       },
       "Resent": {
        "type": "object",
        "required": ["resent"],
        "properties": {"resent": {"type": "integer", "format": "int64", "minimum": 0, "description": "How many deliveries."}},
        "example": {"resent": 12}
       },
       "SignatureCheckRequest": {
        "type": "object",
        "description": "A webhook as its receiver saw it.",
        "required": ["url", "headers"],
        "properties": {
         "url": {"type": "string", "description": "The whole URL, with its query."},
         "method": {"type": "string", "nullable": true, "enum": ["POST", "GET", null], "default": "POST"},
         "headers": {
          "type": "object",
          "maxProperties": 200,
          "additionalProperties": {"type": "string", "nullable": true},
          "description": "X-Twilio-Signature and, for a form, Content-Type are looked at. Names in any case."
         },
         "body": {"type": "string", "nullable": true, "description": "The body as text, left out where there is none."}
        },
        "example": {
         "url": "https://events.bikes.example/conversations?bodySHA256=681dc7fdc280e191c59c2604ed84c9394ecb464602c9961367616a1f11534044",
         "headers": {
          "X-Twilio-Signature": "NCNopvavGT4jafJiblmjeGFQEcA="
         },
         "body": "{\"eventType\":\"CONVERSATION_UPDATED\",\"timestamp\":\"2026-01-02T03:04:05Z\",\"data\":{}}"
        }
       },
       "SignatureFinding": {
        "type": "object",
        "required": ["part", "message"],
        "properties": {
         "part": {"$ref": "#/components/schemas/SignaturePart"},
         "message": {"type": "string", "description": "What differs, and what to do about it."}
        }
       },
       "SignaturePart": {
        "type": "string",
        "enum": ["url", "signature", "scheme", "host", "port", "path", "query", "bodySHA256", "body", "token"]
       },
       "SignatureVerdict": {
        "type": "object",
        "required": ["valid", "findings"],
        "properties": {
         "valid": {
          "type": "boolean",
          "description": "Whether the official libraries take the signature. They do not mind a default port, so there may be a finding \#
    all the same."
         },
         "findings": {
          "type": "array",
          "items": {"$ref": "#/components/schemas/SignatureFinding"},
          "description": "What differs from what was signed."
         }
        },
        "example": {
         "valid": false,
         "findings": [
          {
           "part": "path",
           "message": "Signed is the path \"/conversations\", you saw \"/conversations/\": neither add nor drop the slash at its end."
          }
         ]
        }
       },
       "SmsAddressIn": {
        "type": "object",
        "description": "E.164, a short code of 3 to 8 digits, or a sender of 1 to 11 letters, digits and spaces with a letter among \#
    them.",
        "required": ["channel", "address"],
        "properties": {
         "channel": {"type": "string", "enum": ["SMS"]},
         "address": {
          "anyOf": [
           {"type": "string", "pattern": "^(\\+[1-9][0-9]{1,14}|[0-9]{3,8})$"},
           {"type": "string", "maxLength": 11, "pattern": "^[A-Za-z0-9 ]*[A-Za-z][A-Za-z0-9 ]*$"}
          ]
         },
         "channelId": {"$ref": "#/components/schemas/ChannelResourceIdIn"}
        },
        "example": {"channel": "SMS", "address": "+12025550143"}
       },
       "SmsCaptureRuleIn": {
        "type": "object",
        "description": "Each side is * alone or an address without *. E.164, a short code of 3 to 8 digits, or a sender of 1 to 11 \#
    letters, digits and spaces with a letter among them.",
        "required": ["from", "to"],
        "properties": {
         "from": {
          "anyOf": [
           {"type": "string", "pattern": "^([*]|\\+[1-9][0-9]{1,14}|[0-9]{3,8})$"},
           {"type": "string", "maxLength": 11, "pattern": "^[A-Za-z0-9 ]*[A-Za-z][A-Za-z0-9 ]*$"}
          ]
         },
         "to": {
          "anyOf": [
           {"type": "string", "pattern": "^([*]|\\+[1-9][0-9]{1,14}|[0-9]{3,8})$"},
           {"type": "string", "maxLength": 11, "pattern": "^[A-Za-z0-9 ]*[A-Za-z][A-Za-z0-9 ]*$"}
          ]
         },
         "metadata": {"$ref": "#/components/schemas/CaptureMetadataIn"}
        },
        "example": {"from": "*", "to": "+12025550143"}
       },
       "SmsSettingIn": {
        "type": "object",
        "nullable": true,
        "properties": {
         "statusTimeouts": {"$ref": "#/components/schemas/StatusTimeoutsIn"},
         "captureRules": {
          "type": "array",
          "nullable": true,
          "maxItems": 100,
          "items": {"$ref": "#/components/schemas/SmsCaptureRuleIn"}
         }
        }
       },
       "StatusCallback": {
        "type": "object",
        "description": "Where events are told.",
        "required": ["url", "method"],
        "properties": {"url": {"type": "string", "maxLength": 2048}, "method": {"type": "string", "enum": ["POST", "GET"]}}
       },
       "StatusCallbackIn": {
        "type": "object",
        "required": ["url"],
        "properties": {
         "url": {"$ref": "#/components/schemas/CallbackUrlIn"},
         "method": {"type": "string", "nullable": true, "enum": ["POST", "GET", null], "default": "POST"}
        },
        "example": {"url": "https://events.bikes.example/conversations"}
       },
       "StatusCallbacksIn": {
        "type": "array",
        "nullable": true,
        "maxItems": 2,
        "items": {"$ref": "#/components/schemas/StatusCallbackIn"}
       },
       "StatusTimeouts": {
        "type": "object",
        "description": "Counted from the last communication. Each may stand alone.",
        "properties": {
         "inactive": {
          "type": "integer",
          "minimum": 1,
          "maximum": 2147483647,
          "description": "Minutes of silence after which the conversation is INACTIVE."
         },
         "closed": {
          "type": "integer",
          "minimum": 1,
          "maximum": 2147483647,
          "description": "Minutes of silence after which it is CLOSED."
         }
        }
       },
       "StatusTimeoutsIn": {
        "type": "object",
        "nullable": true,
        "properties": {
         "inactive": {"type": "integer", "nullable": true, "minimum": 1, "maximum": 2147483647},
         "closed": {"type": "integer", "nullable": true, "minimum": 1, "maximum": 2147483647}
        },
        "description": "Whole minutes."
       },
       "StrategyIdsIn": {
        "type": "array",
        "nullable": true,
        "maxItems": 1,
        "items": {"$ref": "#/components/schemas/OpaqueId"},
        "description": "Checked and not kept."
       },
       "Timestamp": {
        "type": "string",
        "format": "date-time",
        "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$",
        "maxLength": 30,
        "description": "UTC in whole seconds.",
        "example": "2026-03-04T09:21:07Z"
       },
       "UpdateConversationRequest": {
        "type": "object",
        "description": "name and metadata stay where they are left out; metadata that is given replaces all of it.",
        "required": ["status"],
        "properties": {
         "status": {"$ref": "#/components/schemas/ConversationStatus"},
         "name": {"type": "string", "nullable": true, "maxLength": 256},
         "metadata": {
          "type": "object",
          "nullable": true,
          "maxProperties": 8,
          "additionalProperties": {"type": "string", "nullable": true, "maxLength": 512},
          "x-key-pattern": "^[A-Za-z0-9._-]{1,128}$"
         }
        },
        "example": {"status": "INACTIVE"}
       },
       "UpdateParticipantRequest": {
        "type": "object",
        "description": "Where they are left out, name goes back to its default, profileId goes away, type and addresses stay.",
        "properties": {
         "name": {"type": "string", "nullable": true, "maxLength": 256},
         "type": {"$ref": "#/components/schemas/ParticipantTypeIn"},
         "profileId": {"$ref": "#/components/schemas/ProfileIdIn"},
         "addresses": {
          "type": "array",
          "nullable": true,
          "maxItems": 50,
          "uniqueItems": true,
          "items": {"$ref": "#/components/schemas/AddressIn"}
         }
        },
        "example": {"name": "Ada", "type": "CUSTOMER", "profileId": "mem_profile_01kdq7n8d2v6e1wpt7gk9rscaz"}
       },
       "VoiceAddressIn": {
        "type": "object",
        "description": "E.164 if it begins with +; otherwise a client identity, with or without `client:`, or a SIP URI.",
        "required": ["channel", "address"],
        "properties": {
         "channel": {"type": "string", "enum": ["VOICE"]},
         "address": {
          "type": "string",
          "minLength": 1,
          "maxLength": 254,
          "pattern": "^(\\+[1-9][0-9]{1,14}| *[^+\\u0000-\\u001f\\u007f-\\u009f ][^\\u0000-\\u001f\\u007f-\\u009f]*)$"
         },
         "channelId": {"$ref": "#/components/schemas/ChannelResourceIdIn"}
        },
        "example": {"channel": "VOICE", "address": "client:front-desk"}
       },
       "VoiceCaptureRuleIn": {
        "type": "object",
        "description": "Each side is * alone or an address without *. E.164 if it begins with +; otherwise a client identity, with or \#
    without `client:`, or a SIP URI.",
        "required": ["from", "to"],
        "properties": {
         "from": {
          "type": "string",
          "minLength": 1,
          "maxLength": 254,
          "pattern": "^([*]|\\+[1-9][0-9]{1,14}| *[^+*\\u0000-\\u001f\\u007f-\\u009f ][^*\\u0000-\\u001f\\u007f-\\u009f]*)$"
         },
         "to": {
          "type": "string",
          "minLength": 1,
          "maxLength": 254,
          "pattern": "^([*]|\\+[1-9][0-9]{1,14}| *[^+*\\u0000-\\u001f\\u007f-\\u009f ][^*\\u0000-\\u001f\\u007f-\\u009f]*)$"
         },
         "metadata": {
          "type": "object",
          "nullable": true,
          "properties": {"callType": {"type": "string", "nullable": true, "enum": ["PSTN", "CLIENT", "PUBLIC_SIP", "SIP", null]}},
          "maxProperties": 20,
          "additionalProperties": {"type": "string", "nullable": true, "maxLength": 512},
          "x-key-pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]{1,128}$"
         }
        },
        "example": {"from": "*", "to": "client:front-desk"}
       },
       "VoiceSettingIn": {
        "type": "object",
        "nullable": true,
        "properties": {
         "statusTimeouts": {"$ref": "#/components/schemas/StatusTimeoutsIn"},
         "captureRules": {
          "type": "array",
          "nullable": true,
          "maxItems": 100,
          "items": {"$ref": "#/components/schemas/VoiceCaptureRuleIn"}
         }
        }
       },
       "WhatsAppAddressIn": {
        "type": "object",
        "description": "E.164 with or without `whatsapp:`.",
        "required": ["channel", "address"],
        "properties": {
         "channel": {"type": "string", "enum": ["WHATSAPP"]},
         "address": {
          "type": "string",
          "minLength": 1,
          "maxLength": 254,
          "pattern": "^([Ww][Hh][Aa][Tt][Ss][Aa][Pp][Pp]:)?\\+[1-9][0-9]{1,14}$"
         },
         "channelId": {"$ref": "#/components/schemas/ChannelResourceIdIn"}
        },
        "example": {"channel": "WHATSAPP", "address": "whatsapp:+12025550143"}
       },
       "WhatsAppCaptureRuleIn": {
        "type": "object",
        "description": "Each side is * alone or an address without *. E.164 with or without `whatsapp:`.",
        "required": ["from", "to"],
        "properties": {
         "from": {
          "type": "string",
          "minLength": 1,
          "maxLength": 254,
          "pattern": "^([*]|([Ww][Hh][Aa][Tt][Ss][Aa][Pp][Pp]:)?\\+[1-9][0-9]{1,14})$"
         },
         "to": {
          "type": "string",
          "minLength": 1,
          "maxLength": 254,
          "pattern": "^([*]|([Ww][Hh][Aa][Tt][Ss][Aa][Pp][Pp]:)?\\+[1-9][0-9]{1,14})$"
         },
         "metadata": {"$ref": "#/components/schemas/CaptureMetadataIn"}
        },
        "example": {"from": "*", "to": "whatsapp:+12025550143"}
       },
       "WhatsAppSettingIn": {
        "type": "object",
        "nullable": true,
        "properties": {
         "statusTimeouts": {"$ref": "#/components/schemas/StatusTimeoutsIn"},
         "captureRules": {
          "type": "array",
          "nullable": true,
          "maxItems": 100,
          "items": {"$ref": "#/components/schemas/WhatsAppCaptureRuleIn"}
         }
        }
       },
       "WorkflowIn": {
        "type": "object",
        "description": "Checked and not kept.",
        "required": ["flowId"],
        "properties": {"flowId": {"type": "string", "pattern": "^FW[0-9a-fA-F]{32}$"}}
       }
      }
     }
    }
    """#
}

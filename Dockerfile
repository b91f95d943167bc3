# The server's image: one static binary, no shell, an unprivileged user.
#
#   docker build -t piinguin --build-arg VERSION=$(git describe --tags --always --dirty) \
#     --build-arg COMMIT=$(git rev-parse HEAD) .
#   docker run -p 8080:8080 -v piinguin:/data -v "$PWD/callers:/callers:ro" \
#     -e PIINGUIN_TOKENS=/callers/tokens.txt -e PIINGUIN_LISTEN=:8080 piinguin serve --allow-plaintext
#
# Without a certificate (PIINGUIN_SERVER_CERT, PIINGUIN_SERVER_KEY) the server refuses to
# listen beyond loopback unless it is told, as above, that a proxy with TLS stands
# before it. It reads changed files again: mount their folder, for a file that is
# mounted alone is not seen when it is replaced. User 65532 must be able to read it.
FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY audit audit
COPY cmd cmd
COPY internal internal
COPY rpc rpc
COPY server server
# What "piinguin version" tells; "unknown" without them, because the context has no .git.
ARG VERSION
ARG COMMIT
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false \
  -ldflags="-s -w -X github.com/piinguin/piinguin/cmd/internal/cli.version=$VERSION -X github.com/piinguin/piinguin/cmd/internal/cli.commit=$COMMIT" \
  -o /out/piinguin ./cmd/piinguin
RUN mkdir /out/data

FROM scratch
# AWS and other callees are verified against these.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/piinguin /piinguin
# SQLite's file and the ledger's key are kept here by default: a new volume takes
# over the folder's owner.
COPY --from=build --chown=65532:65532 /out/data /data
USER 65532:65532
WORKDIR /data
VOLUME /data
EXPOSE 8080
ENTRYPOINT ["/piinguin"]
CMD ["serve"]

# The worker and the CLI as static programs in an image without a shell or a package manager.
#   docker build -t tejun .
#   docker run --rm tejun --help
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ENV CGO_ENABLED=0
RUN go build -trimpath -ldflags="-s -w" -o /out/worker ./worker \
 && go build -trimpath -ldflags="-s -w" -o /out/starter ./starter
# Whoever runs the image as another user than 65532 can still write to these folders' volumes only if they own them.
RUN mkdir -p /out/rootfs/etc/ssl/certs /out/rootfs/tmp /out/rootfs/var/lib/tejun \
 && cp /etc/ssl/certs/ca-certificates.crt /out/rootfs/etc/ssl/certs/ \
 && echo 'tejun:x:65532:65532:tejun:/var/lib/tejun:/sbin/nologin' > /out/rootfs/etc/passwd \
 && echo 'tejun:x:65532:' > /out/rootfs/etc/group \
 && chown -R 65532:65532 /out/rootfs/var/lib/tejun && chmod 1777 /out/rootfs/tmp

FROM scratch
COPY --from=build /out/rootfs/ /
COPY --from=build /out/worker /out/starter /usr/local/bin/
COPY LICENSE /LICENSE
USER 65532:65532
WORKDIR /var/lib/tejun
ENV PATH=/usr/local/bin HOME=/var/lib/tejun TEJUN_LISTEN=:9464
EXPOSE 9464
# The worker looks at itself: there is no curl in this image.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["/usr/local/bin/worker", "healthcheck"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/worker"]

# What to run, and what each command needs. `make` alone prints this list.
SHELL      := /bin/bash
GO         ?= go
TOOLS      := $(CURDIR)/.tools
LINT       := $(TOOLS)/golangci-lint
LINT_VER   := v2.12.2
# Real peers for the tests, by Debian package name, and what builds those that Debian
# leaves half out.
PEERS      := slapd ldap-utils redis-server redis-tools openssl eapoltest hostapd wpasupplicant freeradius freeradius-utils radsecproxy rsyslog rsyslog-gnutls unbound iproute2 \
	samba samba-ad-provision samba-dsdb-modules gcc make libc6-dev libssl-dev dpkg-dev ca-certificates
FUZZTIME   ?= 30s
SOAKTIME   ?= 30m

.PHONY: help
help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

.PHONY: build
build: ## bin/radiusd
	$(GO) build -trimpath -o bin/radiusd ./radiusd

.PHONY: demo
demo: ## everything in one process on loopback
	$(GO) run ./radiusd demo

.PHONY: deps
deps: ## install the real peers (Debian, as root) or print the line to run
	@./integration/deps.sh $(PEERS)
	@# Debian's eapol_test and hostapd know no TEAP: these are built from its sources, once.
	@./integration/wpa-teap.sh

.PHONY: test
test: deps vet lint unit integration ## everything that guards main

.PHONY: vet
vet:
	$(GO) vet ./...
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "run gofmt -w on these"; exit 1; }

$(LINT)-$(LINT_VER):
	GOBIN=$(TOOLS) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VER)
	mv $(LINT) $@

.PHONY: lint
lint: $(LINT)-$(LINT_VER) ## golangci-lint at a pinned version
	@# Its cache keeps findings by path: one that is shared speaks of folders that are gone.
	GOLANGCI_LINT_CACHE=$(TOOLS)/lint-cache $(LINT)-$(LINT_VER) run ./...

.PHONY: unit
unit: ## unit tests with the race detector
	$(GO) test -race -timeout 8m $$($(GO) list ./... | grep -v /integration)

.PHONY: integration
integration: ## whole-house stories against real servers and clients
	$(GO) test -timeout 8m -count 1 ./integration/...

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME (30s)
	@./integration/fuzz.sh $(FUZZTIME)

.PHONY: prove
prove: ## the second interpreter over ten million random cases, and what they came to
	$(GO) test -timeout 60m -count 1 -v -run 'Second|Brute|Knowing|Exhaustive|CompareAgrees' ./vlan -prove

.PHONY: mutate
mutate: ## break what decides in thousands of small ways: do the tests notice? (ONLY=gate.go)
	nice $(GO) run ./integration/mutate -only "$(ONLY)"

.PHONY: bench
bench: build ## the figures of docs/performance.md beside their targets
	$(GO) run ./integration/bench

.PHONY: soak
soak: build ## everything that goes wrong beside a steady load, for SOAKTIME (30m): what grows?
	$(GO) run ./integration/bench -only soak -for $(SOAKTIME)

.PHONY: bench-peers
bench-peers: build ## radiusd, radsecproxy and FreeRADIUS as proxies, side by side
	$(GO) run ./integration/bench -only peers

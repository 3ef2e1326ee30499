/* pony-hello SOCKET IP SERVICE: sends one message to an echo server and prints what comes back. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pony/client/pony.h"

/* Waits for one event of `kind`; anything that failed ends the program. */
static struct PonyEvent expect(struct pony_session* session, int kind) {
  struct PonyEvent event;
  for (;;) {
    const int count = pony_poll(session, &event, 1);
    if (count < 0) {
      fprintf(stderr, "farrierd has gone: %s\n", strerror(-count));
      exit(1);
    }
    if (count == 0) {
      pony_wait(session, -1);
    } else if (event.status != PONY_OK) {
      fprintf(stderr, "event %d with status %d\n", event.kind, event.status);
      exit(1);
    } else if (event.kind == kind) {
      return event;
    }
  }
}

int main(int argc, char** argv) {
  struct in_addr remote;
  if (argc != 4 || inet_pton(AF_INET, argv[2], &remote) != 1) {
    fprintf(stderr, "usage: pony-hello SOCKET IP SERVICE\n");
    return 2;
  }
  struct pony_session* session;
  char error[256];
  const struct pony_options options = {.socket_path = argv[1], .name = "hello"};
  if (pony_open(&options, &session, error, sizeof error) != 0) {
    fprintf(stderr, "%s\n", error);
    return 1;
  }
  pony_connect(session, ntohl(remote.s_addr), (uint16_t)atoi(argv[3]), 0);
  const uint32_t connection = expect(session, PONY_EVENT_CONNECTED).connection;

  void* buffer = pony_alloc(session, PONY_MAX_MESSAGE);
  pony_post_recv(session, connection, buffer, PONY_MAX_MESSAGE, 0);

  char* message = pony_alloc(session, 64);
  const int length = snprintf(message, 64, "Hello over Pony Express");
  pony_send(session, connection, 0, message, (uint32_t)length, 0);

  const struct PonyEvent event = expect(session, PONY_EVENT_RECEIVED);
  printf("%.*s\n", (int)event.length, (const char*)pony_payload(session, &event));
  pony_close(session);
  return 0;
}

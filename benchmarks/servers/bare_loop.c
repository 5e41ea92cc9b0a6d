/* bare-loop PORT BODY
 *
 * The least that a server on one core can do: whatever a connection sends counts as one request,
 * and is answered with the same bytes. No parsing, no Python. It is no server; it is the limit
 * that the others are measured against. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_EVENTS = 256, BACKLOG = 1024 };

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static int listen_on(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((unsigned short)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int yes = 1;

    if (listener < 0)
        fail("socket");
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0)
        fail("bind");
    if (listen(listener, BACKLOG) < 0)
        fail("listen");
    return listener;
}

static void watch(int loop, int descriptor, unsigned events)
{
    struct epoll_event event = {.events = events, .data.fd = descriptor};

    if (epoll_ctl(loop, EPOLL_CTL_ADD, descriptor, &event) < 0)
        fail("epoll_ctl");
}

static void accept_all(int loop, int listener)
{
    int connection, yes = 1;

    while ((connection = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        watch(loop, connection, EPOLLIN);
    }
}

static void answer(int connection, const char *bytes, size_t length)
{
    char request[65536];

    /* An answer that does not fit into the socket's buffer ends the connection: the load then
     * sees an error, and the run is disqualified, rather than measured wrongly. */
    if (read(connection, request, sizeof request) <= 0
        || write(connection, bytes, length) != (ssize_t)length)
        close(connection);
}

int main(int count, char **arguments)
{
    static char bytes[200000];
    struct epoll_event events[MAX_EVENTS];
    int loop, listener, length;

    if (count != 3) {
        fprintf(stderr, "usage: bare-loop PORT BODY\n");
        return 2;
    }
    length = snprintf(bytes, sizeof bytes,
                      "HTTP/1.1 200 OK\r\n"
                      "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
                      "Server: bare-loop\r\n"
                      "Content-Type: text/plain\r\n"
                      "Content-Length: %zu\r\n\r\n%s",
                      strlen(arguments[2]), arguments[2]);
    if (length < 0 || (size_t)length >= sizeof bytes) {
        fprintf(stderr, "error: the body is too long\n");
        return 2;
    }
    listener = listen_on(atoi(arguments[1]));
    loop = epoll_create1(0);
    if (loop < 0)
        fail("epoll_create1");
    watch(loop, listener, EPOLLIN);
    for (;;) {
        int ready = epoll_wait(loop, events, MAX_EVENTS, -1);

        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == listener)
                accept_all(loop, listener);
            else
                answer(events[i].data.fd, bytes, (size_t)length);
        }
    }
}

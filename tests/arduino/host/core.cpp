// What Arduino.h and Sockets.h promise, and the loop that a board's own core has.
#include <Arduino.h>
#include <Sockets.h>
#include <avr/wdt.h>

#include <cerrno>
#include <chrono>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

HardwareSerial Serial;

size_t HardwareSerial::write(uint8_t letter) {
  if (letter != '\r') putchar(letter);
  if (letter == '\n') fflush(stdout);
  return 1;
}

int HardwareSerial::peek() {
  uint8_t letter;
  pollfd input{STDIN_FILENO, POLLIN, 0};
  if (next_ < 0 && poll(&input, 1, 0) == 1 && ::read(STDIN_FILENO, &letter, 1) == 1) next_ = letter;
  return next_;
}

int HardwareSerial::read() {
  int letter = peek();
  next_ = -1;
  return letter;
}

int HardwareSerial::available() { return peek() < 0 ? 0 : 1; }

unsigned long millis() {
  using namespace std::chrono;
  static const auto began = steady_clock::now();
  // A board that is asked in its first millisecond says 0; sketches take that as "never".
  return 1 + duration_cast<milliseconds>(steady_clock::now() - began).count();
}

void delay(unsigned long milliseconds) { std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds)); }

void delayMicroseconds(unsigned int microseconds) { std::this_thread::sleep_for(std::chrono::microseconds(microseconds)); }

void pinMode(uint8_t, uint8_t) {}

void digitalWrite(uint8_t pin, uint8_t level) {
  printf("[pin %u = %u]\n", pin, level);
  fflush(stdout);
}

void analogWrite(uint8_t pin, int level) {
  printf("[pin %u ~ %d]\n", pin, level);
  fflush(stdout);
}

void wdt_enable(uint8_t) {
  puts("[reset]");
  fflush(stdout);
  execl("/proc/self/exe", "sketch", static_cast<char*>(nullptr));
}

int analogRead(uint8_t) { return 160; }

float temperatureRead() { return 48.5f; }

int SocketClient::connect(const char* host, uint16_t port) {
  stop();
  addrinfo wanted{}, *found = nullptr;
  wanted.ai_socktype = SOCK_STREAM;
  if (getaddrinfo(host, std::to_string(port).c_str(), &wanted, &found) != 0) return 0;
  for (auto* one = found; one != nullptr && socket_ < 0; one = one->ai_next) {
    int made = socket(one->ai_family, one->ai_socktype | SOCK_CLOEXEC, one->ai_protocol);
    if (made < 0) continue;
    if (::connect(made, one->ai_addr, one->ai_addrlen) == 0) socket_ = made;
    else close(made);
  }
  freeaddrinfo(found);
  if (socket_ < 0) return 0;
  int yes = 1;
  setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  return 1;
}

void SocketClient::fetch() {
  char room[1024];
  while (socket_ >= 0) {
    ssize_t size = recv(socket_, room, sizeof room, MSG_DONTWAIT);
    if (size > 0) {
      waiting_.append(room, size);
      continue;
    }
    if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
      close(socket_);
      socket_ = -1;
    }
    return;
  }
}

uint8_t SocketClient::connected() {
  fetch();
  return socket_ >= 0 || !waiting_.empty();
}

void SocketClient::stop() {
  if (socket_ >= 0) close(socket_);
  socket_ = -1;
  waiting_.clear();
}

size_t SocketClient::write(const uint8_t* data, size_t size) {
  for (size_t sent = 0; sent < size && socket_ >= 0;) {
    ssize_t more = send(socket_, data + sent, size - sent, MSG_NOSIGNAL);
    if (more <= 0) {
      close(socket_);
      socket_ = -1;
      return sent;
    }
    sent += more;
  }
  return size;
}

int SocketClient::available() {
  fetch();
  return static_cast<int>(waiting_.size());
}

int SocketClient::peek() {
  fetch();
  return waiting_.empty() ? -1 : static_cast<uint8_t>(waiting_.front());
}

int SocketClient::read() {
  int one = peek();
  if (one >= 0) waiting_.erase(0, 1);
  return one;
}

int main() {
  setup();
  while (true) {
    loop();
    // A board has nothing else to do; this computer has.
    delay(1);
  }
}

// Types that travel between the card's modules. The contract with software is farrier_regs_pkg.
package farrier_pkg;

  localparam int unsigned BeatBytes = 64;
  localparam int unsigned CellBits = 12;  // of a cell number
  localparam int unsigned OwnerBits = 8;
  localparam int unsigned EthernetHeaderBytes = 14;

  typedef logic [CellBits-1:0] cell_t;
  typedef logic [OwnerBits-1:0] owner_t;

  // Behind each cell of a packet: where it goes on.
  typedef struct packed {
    logic  last;  // no further cell
    cell_t next;
  } cell_link_t;

  // What is kept of a packet beside its bytes, at the number of its first cell.
  typedef struct packed {
    logic [63:0] arrival;  // ns
    logic [15:0] size;     // bytes
    logic [7:0]  l3_offset;
    logic [7:0]  l4_offset;
    logic        fragment;
  } packet_meta_t;

  // A packet on its way to the decision.
  typedef struct packed {
    logic        malformed;
    logic        oversize;
    logic        stored;  // all of it is in cells
    logic        partial;  // not all of it, but `head` and what follows must be freed
    logic [4:0]  cells;   // that the whole packet needs
    logic [15:0] size;    // bytes; 0xFFFF: that or more
    cell_t       head;    // first cell
  } rx_packet_t;

  // What the exact filters are asked.
  typedef struct packed {
    logic         has_ports;  // else no exact filter applies
    logic         is_ipv6;
    logic [319:0] key;        // FILTER_KEY[i] at [32 i +: 32]
  } filter_query_t;

  // One packet or MARK to be handed to a function, decided and paid for.
  typedef struct packed {
    logic        mark;
    logic        raw;
    logic        was_held;
    logic [1:0]  func;
    logic [3:0]  queue_index;
    owner_t      owner;
    logic [11:0] generation;
    logic [31:0] sequence_number;
    cell_t       head;
  } delivery_t;

  // Packets to be forgotten: `packets` of them, linked from `head` on.
  typedef struct packed {
    logic              single;  // one packet of one cell: nothing to look up
    logic [CellBits:0] packets;
    cell_t             head;
  } reclaim_t;

  // An owner row. Everything 0 after reset; the quota is kept as difference from its reset value.
  typedef struct packed {
    logic [1:0]        state;
    logic [1:0]        func;
    logic [3:0]        queue_base;
    logic [2:0]        log2_queues;
    logic [11:0]       generation;
    logic [31:0]       quota_difference;  // quota xor QuotaAfterReset
    logic [31:0]       rx_next;
    logic [31:0]       cut;
    logic [31:0]       refused;
    logic              watchdog;      // sticky: the watchdog struck
    logic [15:0]       marks;         // queues (from queue_base) whose MARK has not gone out
    logic              listed;        // is in the list of owners that want service
    logic              drained;       // last_drain is valid
    logic [63:0]       last_drain;    // ns
    logic [63:0]       held_since;    // ns
    logic [CellBits:0] parked;        // packets
    logic [CellBits:0] parked_cells;
    logic [4:0]        head_cells;    // cells of the oldest parked packet
    cell_t             park_head;     // oldest parked packet
    cell_t             park_tail;     // newest
  } owner_row_t;

  // Behind each parked packet: the next one.
  typedef struct packed {
    logic [4:0] cells;
    cell_t      head;
  } packet_link_t;

  localparam logic [31:0] QuotaAfterReset = 32'd64;

  // What software, or the list of owners that want service, asks of a row.
  typedef enum logic [2:0] {
    OwnerOpRead = 3'd0,
    OwnerOpSwitch = 3'd1,
    OwnerOpQuota = 3'd2,
    OwnerOpSnapshot = 3'd3,
    OwnerOpService = 3'd4
  } owner_op_e;

  // Counters that the decision keeps per owner, one bit each in a mask of increments.
  localparam int unsigned RxCountIn = 0;
  localparam int unsigned RxCountSent = 1;  // delivered or queued
  localparam int unsigned RxCountDropQuota = 2;
  localparam int unsigned RxCountDropNoCredit = 3;
  localparam int unsigned RxCountDropDetached = 4;
  localparam int unsigned RxCountDropState = 5;
  localparam int unsigned RxCountDropDiscarded = 6;
  localparam int unsigned RxCountHeld = 7;
  localparam int unsigned RxCounters = 8;

  // Bytes in a beat whose tkeep is contiguous from byte 0.
  function automatic logic [6:0] keep_bytes(logic [63:0] keep);
    keep_bytes = 7'($countones(keep));
  endfunction

  // tkeep of a beat with 1..64 bytes, 64 given as 0.
  function automatic logic [63:0] keep_mask(logic [5:0] bytes);
    keep_mask = (bytes == 6'd0) ? '1 : ((64'd1 << bytes) - 64'd1);
  endfunction

endpackage

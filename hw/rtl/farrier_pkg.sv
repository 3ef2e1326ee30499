// Types that travel between the card's modules. The contract with software is farrier_regs_pkg.
package farrier_pkg;

  localparam int unsigned BeatBytes = 64;
  localparam int unsigned CellBits = 14;  // of a cell number
  localparam int unsigned OwnerBits = 8;
  localparam int unsigned EthernetHeaderBytes = 14;
  localparam int unsigned LookupCycles = 4;  // that rx_filter takes

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
    logic        tunnel;
    logic        bad_header;
    logic        pony;
  } packet_meta_t;

  // A packet on its way to the decision.
  typedef struct packed {
    logic        malformed;
    logic        oversize;
    logic        refused; // by the ingress: it goes no further than the lookups
    logic        stored;  // it is in cells, or arriving there
    logic [4:0]  cells;   // that the whole packet needs
    logic [15:0] size;    // bytes
    cell_t       head;    // first cell
  } rx_packet_t;

  // The packet that is being stored.
  typedef struct packed {
    logic       valid;
    cell_t      head;
    logic [7:0] beats;  // that can be read
  } arriving_t;

  // What the parser asks of a packet's checksums: the words over [from, to) and the pseudo header's,
  // which are `seed`, are to be summed up.
  typedef struct packed {
    logic        verify;   // the sum decides; else `l4` is the verdict
    logic [1:0]  l3;       // ChecksumState
    logic [1:0]  l4;
    logic [15:0] l3_sum;   // of the IPv4 header's words, carries added in
    logic [7:0]  from;     // even, within the parse window
    logic [15:0] to;
    logic [20:0] seed;
  } checksum_query_t;

  // Verdicts, ChecksumState each.
  typedef struct packed {
    logic [1:0] l4;
    logic [1:0] l3;
  } checksums_t;

  // What the parser read of a frame, for the filters, the rules and RSS. What a frame lacks is 0.
  // Numbers are as a human would write them: the first byte is the most significant.
  typedef struct packed {
    logic         has_ports;   // l4_offset is set; else no exact filter applies
    logic         ipv4;
    logic         ipv6;
    logic         fragment;
    logic         tunnel;
    logic         bad_header;
    logic         pony;
    logic         has_vlan;    // RULE_VALUE's "tagged", a reserved word
    logic [11:0]  vlan;        // id of the outermost tag
    logic [15:0]  ether_type;  // innermost
    logic [47:0]  dst_mac;
    logic [47:0]  src_mac;
    logic [7:0]   protocol;    // of the last header that was reached
    logic [5:0]   dscp;
    logic [127:0] dst_ip;      // IPv4: in the upper 32 bits
    logic [127:0] src_ip;
    logic [15:0]  dst_port;
    logic [15:0]  src_port;
  } classify_t;

  // Within the parser: the frame up to its fixed IP header.
  typedef struct packed {
    logic [4:0]   l3_offset;     // of an IP header, if there is one
    logic         has_vlan;
    logic [11:0]  vlan;
    logic [15:0]  ether_type;
    logic         ipv4;          // a good header
    logic         ipv6;
    logic         bad;           // there is one, and it is not good
    logic         fragment;      // IPv4's fields
    logic         later;         // not the first fragment
    logic [3:0]   header_words;  // IHL
    logic [7:0]   protocol;
    logic [5:0]   dscp;
    logic [127:0] dst_ip;        // IPv4: in the upper 32 bits
    logic [127:0] src_ip;
    logic [15:0]  rest;          // bytes of IP payload
    logic [159:0] header;        // 20 bytes
  } network_t;

  // Within the parser: how far the walk from header to header has come.
  typedef struct packed {
    logic        active;      // goes on
    logic        bad;
    logic        ipv6;
    logic        fragment;
    logic        routing;
    logic [7:0]  protocol;    // of the header where it stands
    logic [11:0] words;       // where that is: 4 bytes each, from 20 bytes behind the IP header's start
    logic [4:0]  l3_offset;
    logic [15:0] rest;        // bytes of IP payload from here on
  } walk_t;

  // Within the parser: what is known before the walk begins.
  typedef struct packed {
    rx_packet_t   packet;
    logic [63:0]  arrival;
    logic [95:0]  macs;  // as they are
    logic         has_vlan;
    logic [11:0]  vlan;
    logic [15:0]  ether_type;
    logic         ipv4;
    logic         ipv6;
    logic [5:0]   dscp;
    logic [127:0] dst_ip;
    logic [127:0] src_ip;
  } known_t;

  // Within rx_checksum: what goes along with a packet's sum.
  typedef struct packed {
    logic       verify;
    logic [1:0] l3;
    logic [1:0] l4;
    cell_t      head;
  } checksum_tag_t;

  // Packets that the ingress refused, as they are counted.
  typedef struct packed {
    logic        valid;
    logic        malformed;
    logic        oversize;
    logic [15:0] bytes;
  } refused_t;

  // What was looked up for a packet and is told in its prefix.
  typedef struct packed {
    logic [31:0] rss_hash;
    logic [5:0]  pacing_class;
  } lookup_t;

  // What a ternary rule says.
  typedef struct packed {
    logic       has_owner;  // else the default owner
    owner_t     owner;
    logic       drop;
    logic [5:0] pacing_class;
  } rule_action_t;

  // How a rule's key is cut into chunks: chunk 7 w + k is bits 5 k and up of word w. Behind them four
  // chunks per digit of 4 bits for the source port, the most significant digit first, then for
  // the destination port: > low end, >= low end, < high end, <= high end.
  localparam int unsigned RuleChunksOfWord = 7;
  localparam int unsigned RulePortChunks = 16;

  // A packet with what was looked up for it, on its way to the decision.
  typedef struct packed {
    logic       drop;   // a rule says so
    logic       hit;    // `owner` is a filter's or a rule's; else the packet is the default owner's
    owner_t     owner;
    logic [3:0] entry;  // of the RSS table: which of the owner's queues
    rx_packet_t packet;
  } found_t;

  // One packet, MARK or departure report to be handed to a function, decided and paid for.
  typedef struct packed {
    logic        mark;             // 64 zero bytes, no packet
    logic        sent;             // ... and that a report; its time is in a queue of its own
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
    logic              heartbeat;     // sticky: a heartbeat was missed
    logic [15:0]       marks;         // queues (from queue_base) whose MARK has not gone out
    logic              listed;        // is in the list of owners that want service
    logic              drained;       // last_drain is valid
    logic [63:0]       last_drain;    // ns
    logic [63:0]       held_since;    // ns
    logic [CellBits:0] parked;        // packets
    logic [CellBits:0] parked_cells;
    logic [4:0]        head_cells;    // cells of the oldest parked packet
    logic [3:0]        head_entry;    // ... its RSS entry
    cell_t             park_head;     // oldest parked packet
    cell_t             park_tail;     // newest
  } owner_row_t;

  // Behind each parked packet: the next one.
  typedef struct packed {
    logic [4:0] cells;
    logic [3:0] entry;  // of the RSS table
    cell_t      head;
  } packet_link_t;

  localparam logic [31:0] QuotaAfterReset = 32'd64;

  // What software, or the list of owners that want service, asks of a row.
  typedef enum logic [2:0] {
    OwnerOpRead = 3'd0,
    OwnerOpSwitch = 3'd1,
    OwnerOpQuota = 3'd2,
    OwnerOpSnapshot = 3'd3,
    OwnerOpService = 3'd4,
    OwnerOpMiss = 3'd5,    // a function's host has missed its heartbeat
    OwnerOpReport = 3'd6   // a departure is to be reported
  } owner_op_e;

  // What an operation finds about its row's times, MARKs and queue.
  typedef struct packed {
    logic        expired;      // held for longer than the watchdog allows
    logic        expires;      // it will be
    logic        gap_over;     // since the last parked packet that was delivered
    logic        mark;         // a MARK can go out
    logic [3:0]  mark_index;   // ... from queue_base
    logic [3:0]  queue_index;  // the queue whose credits were asked about
    logic [63:0] expiry;       // ns
    logic [63:0] gap_end;      // ns
  } owner_due_t;

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

  // What software has set that is in no table.
  typedef struct packed {
    owner_t      default_owner;
    logic [41:0] watchdog_ns;   // 0 = never
    logic [31:0] drain_gap_ns;
    logic [3:0]  enabled;       // per function
    logic [3:0]  raw;           // per function
    logic [3:0]  guard;         // per function
    logic [15:0] pony_low;      // UDP ports of Pony; low > high: none
    logic [15:0] pony_high;
  } config_t;

  // Software's request to the owner rows: held until done.
  typedef struct packed {
    logic        valid;
    owner_op_e   op;
    owner_t      owner;
    logic [2:0]  word;  // for Read: which register of the row
    logic [31:0] data;
  } owner_request_t;

  typedef struct packed {
    logic        done;  // for one cycle
    logic        bad;
    logic [31:0] data;
  } owner_response_t;

  // Software's request to the exact filters.
  typedef struct packed {
    logic         commit;  // for one cycle: install or clear
    logic         read;    // held until done
    logic [1:0]   tbl;
    logic [1:0]   way;
    logic [15:0]  index;
    logic         valid;
    logic [7:0]   owner;
    logic [319:0] key;
  } filter_request_t;

  typedef struct packed {
    logic         done;    // for one cycle
    logic         valid;   // with it: the entry
    logic [7:0]   owner;
    logic [319:0] key;
  } filter_response_t;

  // A CSR access that a block answers by itself. The request is the same for all blocks but for
  // `valid`, which is held until done.
  typedef enum logic [1:0] {
    BlockRules = 2'd0,  // RULE_*
    BlockRss = 2'd1,    // RSS_*
    BlockTx = 2'd2,     // GUARD_*, CLASS_*, FUNCTION_CLASS, FUNCTION_TX_QUOTA, OWNER_TX_*
    BlockHeartbeat = 2'd3
  } block_e;
  localparam int unsigned Blocks = 4;

  typedef struct packed {
    logic        write;
    logic [19:0] address;  // byte offset in the window, aligned
    logic [31:0] data;
  } block_request_t;

  typedef struct packed {
    logic        done;  // for one cycle
    logic        bad;   // with it: csr_bad_access
    logic [31:0] data;
  } block_response_t;

  // An owner row's new state, for TX.
  typedef struct packed {
    logic        valid;
    owner_t      owner;
    logic [1:0]  state;
    logic [11:0] generation;
  } switched_t;

  // What RX counts per owner in one cycle: at the decision, and when a packet has gone to its function.
  typedef struct packed {
    logic                  valid;
    owner_t                owner;
    logic [RxCounters-1:0] count;
    logic [CellBits:0]     amount;
    logic                  delivered;
    owner_t                delivered_owner;
  } rx_count_t;

  // What TX counts per owner in one cycle.
  localparam int unsigned TxCountSent = 0;
  localparam int unsigned TxCountStale = 1;
  localparam int unsigned TxCountFull = 2;
  localparam int unsigned TxCountClamped = 3;
  localparam int unsigned TxCounters = 4;

  typedef struct packed {
    owner_t                owner;
    logic [TxCounters-1:0] count;
  } tx_count_t;

  // TX memory: its cells, and behind each cell of a packet where it goes on.
  localparam int unsigned TxCellBits = 12;
  typedef logic [TxCellBits-1:0] tx_cell_t;

  typedef struct packed {
    logic     last;  // no further cell
    tx_cell_t next;
  } tx_link_t;

  // TX: a packet that has come in whole.
  typedef struct packed {
    logic        raw;      // from a raw function: no owner, generation or departure
    logic [1:0]  func;
    logic        disabled; // so is its function
    logic        bad;      // no valid prefix, or no frame's length
    logic        stored;   // all of it is in cells
    logic        partial;  // not all of it, but `head` and what follows must be freed
    tx_cell_t head;
    logic [4:0]  cells;    // that the whole frame needs
    logic [15:0] size;     // of the frame, bytes; 0xFFFF: that or more
    owner_t owner;
    logic [15:0] generation;
    logic [31:0] sequence_number;
    logic [63:0] departure;  // ns; 0 = now
    logic [5:0]  pacing_class;
    logic        report;   // its departure
    logic        guarded;  // the guard has a verdict on it
    logic        insert;   // there is a patch for it
    logic        violation; // the guard's verdict, when it is there
  } tx_packet_t;

  // A beat of a frame that is to be looked into.
  typedef struct packed {
    logic        first;
    logic        last;
    logic        guarded;  // this and what follows: with every beat of a frame the same
    logic        insert;   // checksums
    logic [1:0]  func;
    logic [15:0] size;     // of the frame, bytes, as the function said
  } tx_beat_t;

  // What the guard wants to know of ARP.
  typedef struct packed {
    logic        good;     // Ethernet and IPv4, and not cut short
    logic [47:0] sender_mac;
    logic [31:0] sender_ip;
  } tx_arp_t;

  // What is to be summed up for a frame's checksums.
  typedef struct packed {
    logic        udp;
    logic        ipv4;        // has an IPv4 header, whose checksum is
    logic [4:0]  ipv4_place;  // in units of two bytes
    logic [15:0] ipv4_value;
    logic        l4;          // has an L4 checksum
    logic [6:0]  l4_place;
    logic [7:0]  from;        // as in checksum_query_t
    logic [15:0] to;
    logic [20:0] seed;
  } tx_checksum_query_t;

  // Checksums to be put into a frame on its way out. Places in units of two bytes.
  typedef struct packed {
    logic        ipv4;
    logic [4:0]  ipv4_place;
    logic [15:0] ipv4_value;
    logic        l4;
    logic [6:0]  l4_place;
    logic [15:0] l4_value;
  } tx_patch_t;

  // What egress needs to know of a packet, at the number of its first cell.
  typedef struct packed {
    logic        raw;
    logic [1:0]  func;
    owner_t owner;
    logic        report;
    logic        insert;   // there is a patch
    logic [31:0] sequence_number;
    logic [15:0] size;     // bytes
  } tx_meta_t;

  // What was decided of a packet.
  typedef struct packed {
    logic        accept;   // it is to be parked
    tx_cell_t head;
    logic [15:0] size;     // bytes
    logic [57:0] slot;     // of its departure, in SLOT_NS
    logic        at_once;  // has no departure
    logic [5:0]  pacing_class;
    owner_t owner;
    logic [TxCounters-1:0] count;
  } tx_verdict_t;

  // Cells that a packet took and gives back when it has left.
  typedef struct packed {
    logic        raw;      // the function's, else the owner's
    logic [1:0]  func;
    owner_t owner;
    logic [4:0]  cells;
  } tx_release_t;

  // A departure to be told to the host.
  typedef struct packed {
    logic        valid;    // for one cycle
    owner_t owner;
    logic [31:0] sequence_number;
    logic [63:0] departed; // ns
  } tx_report_t;

  // Software's access to tables of owners and classes: held until done.
  typedef struct packed {
    logic        valid;
    logic        write;
    logic [7:0]  row;      // owner or class
    logic [1:0]  word;     // register of the row
    logic [31:0] data;
  } tx_access_t;

  localparam logic [31:0] TxQuotaAfterReset = 32'd1024;         // OWNER_TX_QUOTA
  localparam logic [31:0] FunctionTxQuotaAfterReset = 32'd512;  // FUNCTION_TX_QUOTA

  // The queue of an owner with 2^log2_queues queues that an entry of the RSS table stands for.
  function automatic logic [3:0] queue_of(logic [3:0] base, logic [2:0] log2_queues,
                                          logic [3:0] entry);
    queue_of = base + (entry & ~(4'hF << log2_queues));
  endfunction

  // A byte string's first bytes as numbers: the first is the most significant.
  function automatic logic [15:0] swap16(logic [15:0] bytes);
    swap16 = {bytes[7:0], bytes[15:8]};
  endfunction

  function automatic logic [31:0] swap32(logic [31:0] bytes);
    swap32 = {bytes[7:0], bytes[15:8], bytes[23:16], bytes[31:24]};
  endfunction

  function automatic logic [127:0] swap128(logic [127:0] bytes);
    swap128 = {swap32(bytes[31:0]), swap32(bytes[63:32]), swap32(bytes[95:64]), swap32(bytes[127:96])};
  endfunction

  // Bytes in a beat whose tkeep is contiguous from byte 0.
  function automatic logic [6:0] keep_bytes(logic [63:0] keep);
    keep_bytes = 7'($countones(keep));
  endfunction

  // A bit for each of a beat's first `count` bytes, 0-64.
  function automatic logic [63:0] below(logic [6:0] count);
    below = count[6] ? '1 : ~({64{1'b1}} << count[5:0]);
  endfunction

  // tkeep of a beat with 1..64 bytes, 64 given as 0.
  function automatic logic [63:0] keep_mask(logic [5:0] bytes);
    keep_mask = (bytes == 6'd0) ? '1 : ((64'd1 << bytes) - 64'd1);
  endfunction

endpackage

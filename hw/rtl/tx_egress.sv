// Sends packets to the wire, in the order given: each frame from its cells, which it gives back as it reads
// them. One beat per cycle, and a packet per cycle if it has one beat; no bubbles within a packet.
module tx_egress (
  input  logic                        clk_i,
  input  logic                        rst_ni,
  input  logic [63:0]                 time_i,          // ns
  // What to send: the packet's first cell.
  input  logic                        valid_i,
  input  farrier_pkg::tx_cell_t          head_i,
  output logic                        ready_o,
  // What is known of it, in the cycle after the question, until the next question.
  output logic                        meta_read_o,
  output farrier_pkg::tx_cell_t          meta_address_o,
  input  farrier_pkg::tx_meta_t    meta_i,
  input  farrier_pkg::tx_patch_t   patch_i,         // if there is one
  // Links between cells, likewise.
  output logic                        link_read_o,
  output farrier_pkg::tx_cell_t          link_address_o,
  input  farrier_pkg::tx_link_t     link_i,
  // TX memory, likewise.
  output logic                        read_o,
  output logic [farrier_pkg::TxCellBits+2:0] read_address_o,
  input  logic [511:0]                read_data_i,
  // A cell that has been read.
  output logic                        free_o,
  output farrier_pkg::tx_cell_t          free_cell_o,
  // Wire.
  output logic                        tx_valid_o,
  output logic [511:0]                tx_data_o,       // 0 when not valid
  output logic [63:0]                 tx_keep_o,
  output logic                        tx_last_o,       // 0 when not valid
  output logic [15:0]                 tx_size_o,       // bytes, the same over a frame
  input  logic                        tx_ready_i,
  // A frame has left: its size, the cells it had, and whether to tell.
  output logic                        sent_o,
  output logic [15:0]                 sent_bytes_o,
  output farrier_pkg::tx_release_t sent_cells_o,
  output farrier_pkg::tx_report_t  report_o,
  output logic                        idle_o
);

  localparam int unsigned OutDepth = 16;

  // First stage: a packet, and what is known of it.
  logic               first_valid_q, take, fetch;
  farrier_pkg::tx_cell_t first_q;

  assign ready_o        = !first_valid_q || take;
  assign fetch          = valid_i && ready_o;
  assign meta_read_o    = fetch;
  assign meta_address_o = head_i;

  // Second stage: the packet that is being cut into beats. Its first beat goes out straight from the
  // first stage.
  logic                     active_q, crossed_q, room, go, last;
  farrier_pkg::tx_meta_t meta_q, meta;
  farrier_pkg::tx_patch_t patch_q, patch;
  logic [7:0]               beats_q, beats;  // still to go
  logic [2:0]               beat_q, beat;    // within the cell
  farrier_pkg::tx_cell_t       cell_q, cell_now;

  always_comb begin
    take     = first_valid_q && !active_q && room;
    go       = (first_valid_q || active_q) && room;
    meta     = active_q ? meta_q : meta_i;
    patch    = active_q ? patch_q : patch_i;
    beats    = active_q ? beats_q : 8'((meta_i.size + 16'd63) >> 6);
    beat     = active_q ? beat_q : 3'd0;
    cell_now = active_q ? cell_q : first_q;
    // The next cell's number came while this one was read.
    if (active_q && crossed_q) cell_now = link_i.next;
    last     = go && beats == 8'd1;

    read_o         = go;
    read_address_o = {cell_now, beat};
    link_read_o    = go && beat == 3'd0;
    link_address_o = cell_now;
    free_o         = go && (last || beat == 3'd7);
    free_cell_o    = cell_now;
  end

  // Third stage: the data are there. Checksums go into them.
  logic                     push_q, last_q;
  logic [1:0]               index_q, push_index_q;  // of the beat within the frame; stays at 3
  farrier_pkg::tx_meta_t    push_meta_q;
  farrier_pkg::tx_patch_t   push_patch_q;
  logic [511:0]             push_data;

  always_comb begin
    push_data = read_data_i;
    if (push_q && push_meta_q.insert) begin
      for (int i = 0; i < 32; i++) begin
        if (push_patch_q.ipv4 && push_index_q == 2'd0 && push_patch_q.ipv4_place == 5'(i)) begin
          push_data[16*i+:16] = farrier_pkg::swap16(push_patch_q.ipv4_value);
        end
        if (push_patch_q.l4 && push_index_q == push_patch_q.l4_place[6:5] &&
            push_patch_q.l4_place[4:0] == 5'(i)) begin
          push_data[16*i+:16] = farrier_pkg::swap16(push_patch_q.l4_value);
        end
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      first_valid_q <= 1'b0;
      active_q      <= 1'b0;
      crossed_q     <= 1'b0;
      push_q        <= 1'b0;
    end else begin
      if (fetch) first_valid_q <= 1'b1;
      else if (take) first_valid_q <= 1'b0;
      if (go) begin
        active_q  <= !last;
        crossed_q <= beat == 3'd7;
      end
      push_q <= go;
    end
    if (fetch) first_q <= head_i;
    if (go) begin
      if (!active_q) begin
        meta_q  <= meta_i;
        patch_q <= patch_i;
      end
      beats_q     <= beats - 8'd1;
      beat_q      <= beat + 3'd1;
      cell_q      <= cell_now;
      last_q      <= last;
      push_meta_q  <= meta;
      push_patch_q <= patch;
      push_index_q <= active_q ? index_q : 2'd0;
      index_q      <= !active_q ? 2'd1 : ((index_q == 2'd3) ? 2'd3 : index_q + 2'd1);
    end
  end

  // Out of the pipeline: as many beats as can still be under way always fit.
  logic                      out_valid, out_last, out_full;
  farrier_pkg::tx_meta_t  out_meta;
  logic [511:0]              out_data;
  logic [$clog2(OutDepth):0] out_level;

  fifo #(
    .Width(513 + $bits(push_meta_q)),
    .Depth(OutDepth)
  ) u_out (
    .clk_i,
    .rst_ni,
    .push_i (push_q),
    .data_i ({last_q, push_meta_q, push_data}),
    .full_o (out_full),
    .valid_o(out_valid),
    .data_o ({out_last, out_meta, out_data}),
    .pop_i  (out_valid && tx_ready_i),
    .level_o(out_level)
  );

  always_comb begin
    room       = out_level < ($clog2(OutDepth) + 1)'(OutDepth - 2);
    tx_valid_o = out_valid;
    tx_data_o  = out_valid ? out_data : '0;
    tx_keep_o  = '0;
    if (out_valid) tx_keep_o = out_last ? farrier_pkg::keep_mask(out_meta.size[5:0]) : '1;
    tx_last_o  = out_valid && out_last;
    tx_size_o  = out_valid ? out_meta.size : '0;

    sent_o             = out_valid && tx_ready_i && out_last;
    sent_bytes_o       = out_meta.size;
    sent_cells_o.raw   = out_meta.raw;
    sent_cells_o.func  = out_meta.func;
    sent_cells_o.owner = out_meta.owner;
    sent_cells_o.cells = 5'((out_meta.size + 16'(farrier_regs_pkg::CellBytes - 1)) >> 9);
    report_o.valid           = sent_o && out_meta.report;
    report_o.owner           = out_meta.owner;
    report_o.sequence_number = out_meta.sequence_number;
    report_o.departed        = time_i;
    idle_o = !valid_i && !first_valid_q && !active_q && !push_q && !out_valid;
  end

  // `room` keeps the queue from filling; a packet's length tells where its links end.
  logic unused;
  assign unused = ^{out_full, link_i.last, out_meta.insert};

endmodule

// What should be seen at the CSR window, bound to it.
module csr_checks #(
  parameter int unsigned Functions = 2
) (
  input logic                     clk_i,
  input logic                     rst_ni,
  input logic [2:0]               state_q,
  input logic                     request_i,
  input logic                     write_i,
  input logic [31:0]              address_i,
  input logic [31:0]              data_i,
  input logic                     done_o,
  input logic                     start,
  input logic                     start_write,
  input logic                     write_known,
  input logic                     read_known,
  input logic                     is_row,
  input logic                     is_block,
  input logic                     is_function,
  input logic                     in_window,
  input logic [19:0]              at,
  input logic [1:0]               index,
  input logic                     queue_exists,
  input logic                     fits_depth,
  input logic [11:0]              lease_generation_q,
  input logic [3:0]               disabled_q,
  input logic                     doorbell_ready_i,
  input logic [farrier_pkg::Blocks-1:0] block_valid_o,
  input farrier_pkg::owner_response_t owner_i,
  input farrier_pkg::block_response_t chosen
);

  assert property (@(posedge clk_i) disable iff (!rst_ni) done_o |-> request_i)
    else $error("csr: an answer to no request");
  assert property (@(posedge clk_i) disable iff (!rst_ni) $onehot0(block_valid_o))
    else $error("csr: two blocks are asked");

  fsm_arcs #(
    .States(6),  // Idle, Owner, Snapshot, Filter, Block, Done
    .Arcs  (36'b000001_100000_100000_100000_100100_111010)
  ) u_arcs (
    .clk_i,
    .rst_ni,
    .state_i(32'(state_q))
  );

  logic lease, expected;

  assign lease    = start_write && at == farrier_regs_pkg::RegLease;
  assign expected = data_i[farrier_regs_pkg::SwitchWordGenerationLsb+:12] == lease_generation_q;

  // Bad accesses.
  cover property (@(posedge clk_i) rst_ni && start && write_i && !is_block && !write_known && in_window);
  cover property (@(posedge clk_i) rst_ni && start && !write_i && !is_block && in_window &&
                                   !(read_known || is_row));
  cover property (@(posedge clk_i) rst_ni && start && !write_i && address_i[1:0] != 2'b00);
  cover property (@(posedge clk_i) rst_ni && start && write_i && address_i[1:0] != 2'b00);
  cover property (@(posedge clk_i) rst_ni && start && !write_i && address_i[31:20] != 12'd0);
  cover property (@(posedge clk_i) rst_ni && start && write_i && address_i[31:20] != 12'd0);
  cover property (@(posedge clk_i) rst_ni && start && write_i && is_row && !write_known);
  cover property (@(posedge clk_i) rst_ni && start && write_i && !queue_exists &&
                                   at == farrier_regs_pkg::RegCredit);
  cover property (@(posedge clk_i) rst_ni && start && write_i && !fits_depth &&
                                   at == farrier_regs_pkg::RegFilterCommit);
  cover property (@(posedge clk_i) rst_ni && start && write_i && !fits_depth &&
                                   at == farrier_regs_pkg::RegFilterRead);
  cover property (@(posedge clk_i) rst_ni && start && write_i && data_i[31:8] != 24'd0 &&
                                   at == farrier_regs_pkg::RegCounterSnapshot);
  cover property (@(posedge clk_i) rst_ni && state_q == 3'd1 && owner_i.done && owner_i.bad);
  for (genvar i = 0; i < farrier_pkg::Blocks; i++) begin : g_block
    cover property (@(posedge clk_i) rst_ni && block_valid_o[i] && chosen.done && chosen.bad && write_i);
    cover property (@(posedge clk_i) rst_ni && block_valid_o[i] && chosen.done && chosen.bad && !write_i);
    cover property (@(posedge clk_i) rst_ni && block_valid_o[i] && chosen.done && !chosen.bad && write_i);
    cover property (@(posedge clk_i) rst_ni && block_valid_o[i] && chosen.done && !chosen.bad &&
                                     !write_i);
    cover property (@(posedge clk_i) rst_ni && block_valid_o[i] && !chosen.done);
  end

  // The lease: of two rivals one.
  cover property (@(posedge clk_i) rst_ni && lease && expected &&
                                   data_i[1:0] == farrier_regs_pkg::OwnerStateAttached);
  cover property (@(posedge clk_i) rst_ni && lease && expected &&
                                   data_i[1:0] != farrier_regs_pkg::OwnerStateAttached);
  cover property (@(posedge clk_i) rst_ni && lease && !expected);

  // Functions.
  for (genvar f = 0; f < Functions; f++) begin : g_function
    logic mine;
    assign mine = start_write && is_function && index == 2'(f);
    cover property (@(posedge clk_i) rst_ni && mine && disabled_q[f] && data_i[0]);
    cover property (@(posedge clk_i) rst_ni && mine && !disabled_q[f] && !data_i[0]);
    cover property (@(posedge clk_i) rst_ni && mine && data_i[1]);
    cover property (@(posedge clk_i) rst_ni && mine && data_i[2]);
    cover property (@(posedge clk_i) rst_ni && mine && data_i[3]);
  end

  cover property (@(posedge clk_i) rst_ni && request_i && state_q == 3'd0 && !doorbell_ready_i);

  logic unused;
  assign unused = ^{owner_i, chosen, disabled_q, address_i, data_i};

endmodule

bind csr csr_checks #(.Functions(Functions)) u_checks (.*);

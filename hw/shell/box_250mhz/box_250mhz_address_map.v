// The registers of the box, 1 MiB at 0x100000 of BAR2, all belong to the card: nothing to choose among, so
// no crossbar. The address is kept within the window.
module box_250mhz_address_map (
  // From the shell.
  input  wire        s_axil_awvalid,
  input  wire [31:0] s_axil_awaddr,
  output wire        s_axil_awready,
  input  wire        s_axil_wvalid,
  input  wire [31:0] s_axil_wdata,
  output wire        s_axil_wready,
  output wire        s_axil_bvalid,
  output wire  [1:0] s_axil_bresp,
  input  wire        s_axil_bready,
  input  wire        s_axil_arvalid,
  input  wire [31:0] s_axil_araddr,
  output wire        s_axil_arready,
  output wire        s_axil_rvalid,
  output wire [31:0] s_axil_rdata,
  output wire  [1:0] s_axil_rresp,
  input  wire        s_axil_rready,
  // To the card.
  output wire        m_axil_awvalid,
  output wire [31:0] m_axil_awaddr,
  input  wire        m_axil_awready,
  output wire        m_axil_wvalid,
  output wire [31:0] m_axil_wdata,
  input  wire        m_axil_wready,
  input  wire        m_axil_bvalid,
  input  wire  [1:0] m_axil_bresp,
  output wire        m_axil_bready,
  output wire        m_axil_arvalid,
  output wire [31:0] m_axil_araddr,
  input  wire        m_axil_arready,
  input  wire        m_axil_rvalid,
  input  wire [31:0] m_axil_rdata,
  input  wire  [1:0] m_axil_rresp,
  output wire        m_axil_rready
);

  assign m_axil_awvalid = s_axil_awvalid;
  assign m_axil_awaddr  = {12'd0, s_axil_awaddr[19:0]};
  assign s_axil_awready = m_axil_awready;
  assign m_axil_wvalid  = s_axil_wvalid;
  assign m_axil_wdata   = s_axil_wdata;
  assign s_axil_wready  = m_axil_wready;
  assign s_axil_bvalid  = m_axil_bvalid;
  assign s_axil_bresp   = m_axil_bresp;
  assign m_axil_bready  = s_axil_bready;
  assign m_axil_arvalid = s_axil_arvalid;
  assign m_axil_araddr  = {12'd0, s_axil_araddr[19:0]};
  assign s_axil_arready = m_axil_arready;
  assign s_axil_rvalid  = m_axil_rvalid;
  assign s_axil_rdata   = m_axil_rdata;
  assign s_axil_rresp   = m_axil_rresp;
  assign m_axil_rready  = s_axil_rready;

  wire unused;
  assign unused = ^{s_axil_awaddr[31:20], s_axil_araddr[31:20]};

endmodule
